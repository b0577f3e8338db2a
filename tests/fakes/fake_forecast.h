#pragma once

#include <map>

#include "pipeline/run/task_forecast.h"

namespace besom::testing {

/// Knows what the test says, and that what `learns` holds takes that long once
/// such a task has ended.
class FakeForecast final : public run::TaskForecast {
 public:
  std::optional<double> CoreSeconds(TaskId task) const override {
    const auto found = seconds.find(task);
    if (found == seconds.end()) return std::nullopt;
    return found->second;
  }
  bool Learn(const run::TaskReport& report) override {
    const auto found = learns.find(report.task);
    if (found == learns.end()) return false;
    for (const auto& [task, shorter] : found->second) seconds[task] = shorter;
    return true;
  }

  std::map<TaskId, double> seconds;
  std::map<TaskId, std::map<TaskId, double>> learns;
};

}  // namespace besom::testing
