#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace besom {

/// Threads that share out numbered pieces of work, the caller's being one of
/// them. They sleep between two calls. One caller at a time.
class WorkerThreads {
 public:
  /// REQUIRES: threads >= 1.
  explicit WorkerThreads(int threads);
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  /// Calls work(0) ... work(count - 1), each once, begun in this order, and
  /// returns when all are done. What a piece throws is thrown here then; pieces
  /// not yet begun are left out.
  void Run(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  void Serve(const std::stop_token& stop);
  void TakePieces(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;  // Guards all but the threads.
  std::condition_variable_any begun_, ended_;
  const std::function<void(std::size_t)>* work_ = nullptr;
  std::size_t next_ = 0, count_ = 0, running_ = 0;
  std::exception_ptr thrown_;
  std::vector<std::jthread> others_;
};

/// The same by at most `threads` threads (at least one) that live for this
/// call.
void RunInThreads(int threads, std::size_t count,
                  const std::function<void(std::size_t)>& work);

}  // namespace besom
