#include "pipeline/base/worker_threads.h"

#include <algorithm>
#include <utility>

#include "pipeline/base/check.h"

namespace besom {

WorkerThreads::WorkerThreads(int threads) {
  BESOM_CHECK(threads >= 1, "no thread");
  for (int i = 1; i < threads; ++i)
    others_.emplace_back([this](const std::stop_token& stop) { Serve(stop); });
}

WorkerThreads::~WorkerThreads() {
  for (std::jthread& other : others_) other.request_stop();
}

void WorkerThreads::Run(std::size_t count,
                        const std::function<void(std::size_t)>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  next_ = 0;
  count_ = count;
  begun_.notify_all();
  TakePieces(lock);
  ended_.wait(lock, [this] { return running_ == 0; });
  work_ = nullptr;
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void WorkerThreads::Serve(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (begun_.wait(lock, stop, [this] { return next_ < count_; }))
    TakePieces(lock);
}

void WorkerThreads::TakePieces(std::unique_lock<std::mutex>& lock) {
  while (next_ < count_) {
    const std::size_t piece = next_++;
    const auto& work = *work_;
    ++running_;
    lock.unlock();
    std::exception_ptr thrown;
    try {
      work(piece);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    --running_;
    if (thrown) {
      if (!thrown_) thrown_ = thrown;
      count_ = next_;
    }
  }
  if (running_ == 0) ended_.notify_all();
}

void RunInThreads(int threads, std::size_t count,
                  const std::function<void(std::size_t)>& work) {
  const auto most = static_cast<std::size_t>(std::max(threads, 1));
  const auto useful = std::clamp<std::size_t>(count, 1, most);
  WorkerThreads(static_cast<int>(useful)).Run(count, work);
}

}  // namespace besom
