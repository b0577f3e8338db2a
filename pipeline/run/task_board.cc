#include "pipeline/run/task_board.h"

#include <fmt/format.h>

#include <utility>

namespace besom::run {
namespace {

/// All its inputs were there, and it is not done.
bool WasReady(TaskState state) {
  return state == TaskState::kRunning || state == TaskState::kElsewhere ||
         state == TaskState::kHeldBack;
}

}  // namespace

TaskBoard::TaskBoard(const TaskGraph& graph, const std::vector<bool>& done,
                     const std::vector<TaskId>& targets,
                     std::vector<int> class_of)
    : graph_(graph),
      class_of_(std::move(class_of)),
      paths_(graph.CriticalPaths()),
      states_(graph.size(), TaskState::kUnneeded),
      missing_inputs_(graph.size()) {
  BESOM_CHECK(done.size() == graph.size() && class_of_.size() == graph.size(),
              "one flag and one class a task");
  for (const int task_class : class_of_)
    if (static_cast<std::size_t>(task_class) >= ready_.size())
      ready_.resize(static_cast<std::size_t>(task_class) + 1);
  for (TaskId id = 0; id < graph.size(); ++id)
    if (static_cast<std::ptrdiff_t>(ready_fused_.size()) <= graph[id].fusion)
      ready_fused_.resize(static_cast<std::size_t>(graph[id].fusion) + 1);
  std::vector<bool> wanted(graph.size());
  for (const TaskId target : targets) wanted[target] = !done[target];
  // Ids are a topological order: readers come before their inputs here.
  for (TaskId id = graph.size(); id-- > 0;) {
    if (done[id]) states_[id] = TaskState::kDone;
    if (!wanted[id]) continue;
    for (const TaskId producer : graph.producers(id)) {
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

void TaskBoard::MakeReady(TaskId task) {
  states_[task] = TaskState::kReady;
  if (stopped_) return;
  ready_[class_of_[task]].emplace(-paths_[task], task);
  if (const int fusion = graph_[task].fusion; fusion >= 0)
    ready_fused_[fusion].emplace(-paths_[task], task);
  ++ready_count_;
}

void TaskBoard::TakeFromReady(TaskId task) {
  ready_count_ -= ready_[class_of_[task]].erase({-paths_[task], task});
  if (const int fusion = graph_[task].fusion; fusion >= 0)
    ready_fused_[fusion].erase({-paths_[task], task});
}

void TaskBoard::Start(TaskId task) {
  BESOM_CHECK(states_[task] == TaskState::kReady,
              fmt::format("task {} was started unready", task));
  TakeFromReady(task);
  states_[task] = TaskState::kRunning;
  ++running_;
}

void TaskBoard::Defer(TaskId task, TaskState why) {
  BESOM_CHECK(states_[task] == TaskState::kRunning,
              fmt::format("task {} was deferred without running", task));
  --running_;
  ++(why == TaskState::kHeldBack ? held_back_ : elsewhere_);
  states_[task] = why;
}

/// Takes a task out of the counts of its state, before the next one.
void TaskBoard::MoveFrom(TaskId task) {
  switch (states_[task]) {
    case TaskState::kReady:
      TakeFromReady(task);
      break;
    case TaskState::kRunning:
      --running_;
      break;
    case TaskState::kElsewhere:
      --elsewhere_;
      break;
    case TaskState::kHeldBack:
      --held_back_;
      break;
    default:
      BESOM_CHECK(false, fmt::format("task {} is in state {}", task,
                                     static_cast<int>(states_[task])));
  }
}

void TaskBoard::Finish(TaskId task) {
  MoveFrom(task);
  states_[task] = TaskState::kDone;
  for (const TaskId reader : graph_.readers(task)) {
    const TaskState state = states_[reader];
    if (state != TaskState::kWaiting && !WasReady(state)) continue;
    if (--missing_inputs_[reader] == 0 && state == TaskState::kWaiting)
      MakeReady(reader);
  }
}

std::vector<TaskId> TaskBoard::PutBack(TaskId task) {
  BESOM_CHECK(states_[task] != TaskState::kReady,
              fmt::format("task {} was put back twice", task));
  MoveFrom(task);
  if (missing_inputs_[task] == 0) {
    MakeReady(task);
    return {};
  }
  states_[task] = TaskState::kWaiting;
  for (const TaskId producer : graph_.producers(task)) {
    if (states_[producer] != TaskState::kFailed &&
        states_[producer] != TaskState::kSkipped)
      continue;
    states_[task] = TaskState::kSkipped;
    std::vector<TaskId> ended = {task};
    SkipReaders(ended);
    return ended;
  }
  return {};
}

/// Skips what waits for any of `ended`, which grows by it.
void TaskBoard::SkipReaders(std::vector<TaskId>& ended) {
  for (std::size_t next = 0; next < ended.size(); ++next) {
    for (const TaskId reader : graph_.readers(ended[next])) {
      if (states_[reader] != TaskState::kWaiting) continue;
      states_[reader] = TaskState::kSkipped;
      ended.push_back(reader);
    }
  }
}

std::vector<TaskId> TaskBoard::Fail(TaskId task) {
  BESOM_CHECK(states_[task] == TaskState::kRunning,
              fmt::format("task {} failed without running", task));
  MoveFrom(task);
  states_[task] = TaskState::kFailed;
  std::vector<TaskId> ended = {task};
  SkipReaders(ended);
  return ended;
}

/// Makes a task that is not done run, with all that it needs.
bool TaskBoard::Want(TaskId task) {
  if (states_[task] == TaskState::kFailed ||
      states_[task] == TaskState::kSkipped)
    return false;
  if (states_[task] != TaskState::kUnneeded) return true;
  states_[task] = TaskState::kWaiting;
  missing_inputs_[task] = 0;
  for (const TaskId producer : graph_.producers(task)) {
    if (states_[producer] == TaskState::kDone) continue;
    if (!Want(producer)) return false;
    ++missing_inputs_[task];
  }
  if (missing_inputs_[task] == 0) MakeReady(task);
  return true;
}

bool TaskBoard::Reopen(TaskId task) {
  BESOM_CHECK(states_[task] == TaskState::kDone,
              fmt::format("task {} was reopened undone", task));
  for (const TaskId reader : graph_.readers(task)) {
    const TaskState state = states_[reader];
    if (state == TaskState::kReady) {
      MoveFrom(reader);
      states_[reader] = TaskState::kWaiting;
      ++missing_inputs_[reader];
    } else if (state == TaskState::kWaiting || WasReady(state)) {
      ++missing_inputs_[reader];
    }
  }
  states_[task] = TaskState::kUnneeded;
  return Want(task);
}

void TaskBoard::Stop() {
  stopped_ = true;
  for (ReadySet& ready : ready_) ready.clear();
  for (ReadySet& ready : ready_fused_) ready.clear();
  ready_count_ = 0;
}

}  // namespace besom::run
