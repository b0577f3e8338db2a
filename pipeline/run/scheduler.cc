#include "pipeline/run/scheduler.h"

#include <fmt/format.h>

namespace besom::run {
namespace {

/// The producers of a task's inputs, each once.
std::set<TaskId> ProducersOf(const TaskNode& node) {
  std::set<TaskId> producers;
  for (const TaskInput& input : node.inputs) producers.insert(input.task);
  return producers;
}

}  // namespace

Scheduler::Scheduler(const TaskGraph& graph, const std::vector<bool>& done,
                     const std::vector<TaskId>& targets, int max_retries)
    : graph_(graph),
      max_retries_(max_retries),
      paths_(graph.CriticalPaths()),
      states_(graph.size(), TaskState::kUnneeded),
      missing_inputs_(graph.size()),
      failures_(graph.size()),
      rank_of_(graph.size(), -1) {
  BESOM_CHECK(done.size() == graph.size(), "one flag a task");
  std::vector<bool> wanted(graph.size());
  for (const TaskId target : targets) wanted[target] = !done[target];
  // Ids are a topological order: readers come before their inputs here.
  for (TaskId id = graph.size(); id-- > 0;) {
    if (done[id]) states_[id] = TaskState::kDone;
    if (!wanted[id]) continue;
    for (const TaskId producer : ProducersOf(graph[id])) {
      if (done[producer]) continue;
      wanted[producer] = true;
      ++missing_inputs_[id];
    }
  }
  for (TaskId id = 0; id < graph.size(); ++id) {
    if (!wanted[id]) continue;
    states_[id] = TaskState::kWaiting;
    if (missing_inputs_[id] == 0) MakeReady(id);
  }
}

void Scheduler::MakeReady(TaskId task) {
  states_[task] = TaskState::kReady;
  if (!stopped_) ready_.emplace(-paths_[task], task);
}

std::optional<TaskId> Scheduler::Next(int rank) {
  if (ready_.empty()) return std::nullopt;
  const TaskId task = ready_.begin()->second;
  ready_.erase(ready_.begin());
  states_[task] = TaskState::kRunning;
  rank_of_[task] = rank;
  ++running_;
  return task;
}

void Scheduler::MarkDone(TaskId task) {
  BESOM_CHECK(states_[task] == TaskState::kRunning,
              fmt::format("task {} ended without running", task));
  states_[task] = TaskState::kDone;
  --running_;
  for (const TaskId reader : graph_.readers(task)) {
    if (states_[reader] == TaskState::kWaiting &&
        --missing_inputs_[reader] == 0)
      MakeReady(reader);
  }
}

std::vector<TaskId> Scheduler::MarkFailed(TaskId task, bool may_retry) {
  if (may_retry && failures_[task] < max_retries_) {
    ++failures_[task];
    PutBack(task);
    return {};
  }
  BESOM_CHECK(states_[task] == TaskState::kRunning,
              fmt::format("task {} failed without running", task));
  states_[task] = TaskState::kFailed;
  --running_;
  std::vector<TaskId> ended = {task};
  for (std::size_t next = 0; next < ended.size(); ++next) {
    for (const TaskId reader : graph_.readers(ended[next])) {
      if (states_[reader] != TaskState::kWaiting) continue;
      states_[reader] = TaskState::kSkipped;
      ended.push_back(reader);
    }
  }
  return ended;
}

void Scheduler::PutBack(TaskId task) {
  BESOM_CHECK(states_[task] == TaskState::kRunning,
              fmt::format("task {} was put back without running", task));
  --running_;
  rank_of_[task] = -1;
  MakeReady(task);
}

void Scheduler::Stop() {
  stopped_ = true;
  ready_.clear();
}

std::vector<TaskId> Scheduler::RunningOn(int rank) const {
  std::vector<TaskId> tasks;
  for (TaskId id = 0; id < states_.size(); ++id)
    if (states_[id] == TaskState::kRunning && rank_of_[id] == rank)
      tasks.push_back(id);
  return tasks;
}

}  // namespace besom::run
