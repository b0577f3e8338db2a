#include "pipeline/run/compute_thread.h"

#include <algorithm>
#include <iterator>

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

std::vector<TaskReturned> ComputeThread::Recall(TaskId task, int attempt) {
  const auto is_wanted = [&](const auto& it) {
    return it.task == task && it.attempt == attempt;
  };
  std::vector<TaskReturned> returned;
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(requests_, [&](const auto& it) {
    return is_wanted(it) || std::ranges::any_of(it.companions, is_wanted);
  });
  if (found == requests_.end()) return returned;
  returned.push_back({found->task, found->attempt});
  for (const CompanionRequest& companion : found->companions)
    returned.push_back({companion.task, companion.attempt});
  requests_.erase(found);
  return returned;
}

std::optional<Message> ComputeThread::Take() {
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) return std::nullopt;
  Message message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

void ComputeThread::Publish(std::vector<Message> messages) {
  {
    const std::lock_guard lock(mutex_);
    for (Message& message : messages) messages_.push_back(std::move(message));
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
    std::vector<TaskReport> reports = Run(request);
    ReleaseUnlessNeeded();
    Publish({std::make_move_iterator(reports.begin()),
             std::make_move_iterator(reports.end())});
  }
}

std::vector<TaskReport> ComputeThread::Run(const TaskRequest& request) {
  if (interrupted_) return runner_.Decline(request);
  return runner_.Run(request, [&](double share) {
    // Rank 0 knows what else is in this call.
    Publish({TaskProgress{request.task, request.attempt, share}});
    return interrupted_.load();
  });
}

}  // namespace besom::run
