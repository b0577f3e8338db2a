#pragma once

#include <string>

#include "pipeline/graph/task_graph.h"
#include "pipeline/run/task_messages.h"

namespace besom::run {

/// Sees what a run does, to show it. Every call does nothing by default.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// `tasks` tasks of `stage` are to be run, `cached` need not.
  virtual void Expect(const std::string& /*stage*/, std::size_t /*tasks*/,
                      std::size_t /*cached*/) {}
  virtual void Started(TaskId /*task*/, const TaskNode& /*node*/) {}
  virtual void Share(TaskId /*task*/, const TaskNode& /*node*/,
                     double /*share*/) {}
  /// An attempt ended, well or not.
  virtual void Ended(const TaskReport& /*report*/, const TaskNode& /*node*/,
                     int /*rank*/) {}
  /// A line for the user.
  virtual void Say(const std::string& /*line*/) {}
  /// Called often: draws if it is time.
  virtual void Draw() {}
};

}  // namespace besom::run
