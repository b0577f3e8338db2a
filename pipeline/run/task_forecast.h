#pragma once

#include <optional>

#include "pipeline/run/task_messages.h"
#include "pipeline/run/task_rates.h"

namespace besom::run {

/// Predicts how long the tasks of a graph take. One thread at a time.
class TaskForecast {
 public:
  virtual ~TaskForecast() = default;
  /// Seconds of one core (of a GPU's rank: of one of its threads); none: nobody
  /// knows.
  virtual std::optional<double> CoreSeconds(TaskId task) const = 0;
  /// A task has been computed. True: others of its kind are predicted to take
  /// clearly less than before.
  virtual bool Learn(const TaskReport& report) = 0;
};

/// From what this run has measured, else from what its workspace knows, else,
/// on CPUs, as the planner guesses.
class RateForecast final : public TaskForecast {
 public:
  /// Borrows the graph. `speed`: as RelativeSpeed.
  RateForecast(const TaskGraph& graph, TaskRates known, double speed);

  std::optional<double> CoreSeconds(TaskId task) const override;
  bool Learn(const TaskReport& report) override;

 private:
  const TaskGraph& graph_;
  const TaskRates known_;
  TaskRates seen_;
  const double speed_;
};

}  // namespace besom::run
