#include "pipeline/run/task_forecast.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "pipeline/run/sweep_numerics.h"

namespace besom::run {
namespace {

/// A prediction that falls below this share of what it was is worth a second
/// look at what did not seem to fit.
constexpr double kClearlyLess = 0.9;

/// A rank's seconds for a task as if all its threads had been busy: heads take
/// one each, and a call may have been of fewer.
double BusySeconds(const TaskNode& node, const TaskReport& report) {
  if (node.stage != "fine_tune" || node.fusion < 0 || report.seconds <= 0 ||
      !report.counters.is_object())
    return report.seconds;
  const double threads = report.counters.value("threads", 1.0);
  const double heads = std::round(report.elapsed / report.seconds);
  return report.seconds * std::min(threads, std::max(heads, 1.0)) / threads;
}

}  // namespace

RateForecast::RateForecast(const TaskGraph& graph, TaskRates known,
                           double speed)
    : graph_(graph), known_(std::move(known)), speed_(speed) {}

std::optional<double> RateForecast::CoreSeconds(TaskId task) const {
  const TaskNode& node = graph_[task];
  if (const auto seconds = seen_.CoreSeconds(node)) return seconds;
  if (const auto seconds = known_.CoreSeconds(node)) return seconds;
  // The planner's costs are those of CPUs.
  if (node.cost <= 0 ||
      (!node.numerics.empty() && !IsOfDevice(node.numerics, "cpu")))
    return std::nullopt;
  return node.cost / speed_;
}

bool RateForecast::Learn(const TaskReport& report) {
  const TaskNode& node = graph_[report.task];
  const std::optional<double> before = CoreSeconds(report.task);
  seen_.Learn(node.stage, node.params, report.counters,
              BusySeconds(node, report));
  const std::optional<double> after = CoreSeconds(report.task);
  return before && after && *after < kClearlyLess * *before;
}

}  // namespace besom::run
