#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/run/task_runner.h"

namespace besom::run {

/// The thread of a rank that computes, so that its control thread can always
/// answer. Tasks run one after another in the order of Submit.
/// Thread safety: the control thread calls everything but Interrupt, which
/// any thread may call.
class ComputeThread {
 public:
  /// `wake` is called (from the compute thread) when a report or progress is
  /// there to be taken. Borrows `runner`.
  ComputeThread(TaskRunner& runner, std::function<void()> wake);
  /// Interrupts, then joins.
  ~ComputeThread();

  void Submit(TaskRequest request) { Submit(std::vector{std::move(request)}); }
  /// None of them begins before all are queued.
  void Submit(std::vector<TaskRequest> requests);
  /// Takes a task back that was not begun, with all that is in one call with
  /// it; none when it was begun, or is unknown.
  std::vector<TaskReturned> Recall(TaskId task, int attempt);
  /// The next report or progress; none when there is none yet.
  std::optional<Message> Take();
  /// Makes the running task end with kInterrupted at its next unit of work,
  /// and those that wait at once.
  void Interrupt() { interrupted_ = true; }

 private:
  void Loop();
  void ReleaseUnlessNeeded();
  std::vector<TaskReport> Run(const TaskRequest& request);
  void Publish(std::vector<Message> messages);

  TaskRunner& runner_;
  const std::function<void()> wake_;
  std::atomic<bool> interrupted_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<TaskRequest> requests_;  // Guarded by mutex_.
  std::deque<Message> messages_;      // Guarded by mutex_.
  bool stopping_ = false;             // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace besom::run
