#include "pipeline/run/compute_thread.h"

namespace besom::run {

ComputeThread::ComputeThread(TaskRunner& runner, std::function<void()> wake)
    : runner_(runner), wake_(std::move(wake)), thread_([this] { Loop(); }) {}

ComputeThread::~ComputeThread() {
  Interrupt();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    requests_.clear();
  }
  changed_.notify_all();
  thread_.join();
}

void ComputeThread::Submit(std::vector<TaskRequest> requests) {
  {
    const std::lock_guard lock(mutex_);
    for (TaskRequest& request : requests)
      requests_.push_back(std::move(request));
  }
  changed_.notify_all();
}

bool ComputeThread::Recall(TaskId task, int attempt) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(requests_, [&](const TaskRequest& it) {
           return it.task == task && it.attempt == attempt;
         }) > 0;
}

std::optional<Message> ComputeThread::Take() {
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) return std::nullopt;
  Message message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

void ComputeThread::Publish(Message message) {
  {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
  }
  wake_();
}

/// Nothing stays on a shared GPU when no task that waits here computes there:
/// others may count on that memory as soon as they hear of this task's end.
void ComputeThread::ReleaseUnlessNeeded() {
  if (!runner_.shares_gpu()) return;
  {
    const std::lock_guard lock(mutex_);
    for (const TaskRequest& request : requests_)
      if (!request.numerics.empty()) return;
  }
  runner_.ReleaseDevice();
}

void ComputeThread::Loop() {
  while (true) {
    ReleaseUnlessNeeded();  // What waited may have been recalled.
    TaskRequest request;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !requests_.empty(); });
      if (stopping_) return;
      request = std::move(requests_.front());
      requests_.pop_front();
    }
    TaskReport report = Run(request);
    ReleaseUnlessNeeded();
    Publish(std::move(report));
  }
}

TaskReport ComputeThread::Run(const TaskRequest& request) {
  if (interrupted_) return runner_.Decline(request);
  return runner_.Run(request, [&](double share) {
    Publish(TaskProgress{request.task, request.attempt, share});
    return interrupted_.load();
  });
}

}  // namespace besom::run
