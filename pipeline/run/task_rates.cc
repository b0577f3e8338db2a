#include "pipeline/run/task_rates.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/run/task_costs.h"

namespace besom::run {
namespace {

/// Whether a fit trains a part of its base.
bool IsUnfrozen(const Json& params) { return params.contains("numerics"); }

/// A number that makes fits comparable which train the same of one base; how
/// long its features are drops out.
double UnitsOfFit(const Json& params, double images) {
  constexpr double kInputs = 1000;
  const Json& train = params.at("train");
  // Beside the base the head is nothing.
  if (IsUnfrozen(params)) return train.at("epochs").get<double>() * images;
  return train.at("epochs").get<double>() *
         TaskCosts::HeadEpoch(kInputs, params.at("model").at("head"),
                              static_cast<double>(params.at("classes").size()),
                              images, train.value("batch_size", 8.0));
}

/// How many units of the kind's work a finished task did.
double UnitsDone(const std::string& stage, const Json& params,
                 const Json& counters) {
  const auto counted = [&](const char* name) {
    return counters.is_object() ? counters.value(name, 0.0) : 0.0;
  };
  if (stage == "ingest") return static_cast<double>(params.at("files").size());
  if (stage == "audit") return counted("images");
  if (stage == "features")
    return TaskCosts::Pass(counted("multiply_adds"),
                           params.at("numerics").get<std::string>());
  if (stage == "fine_tune") return UnitsOfFit(params, counted("images"));
  return 1;
}

/// The same of a task that is to be done.
double UnitsToDo(const TaskNode& node, double trained) {
  if (node.stage == "ingest" || node.stage == "audit") return node.units;
  // Of what comes from shared passes, a task's part.
  if (node.stage == "features") return node.cost;
  if (node.stage == "fine_tune") return UnitsOfFit(node.params, trained);
  return 1;
}

/// Tasks whose rates are comparable.
std::string KindOf(const std::string& stage, const Json& params) {
  if (stage == "features")
    return fmt::format(
        "features {} {} {}", params.at("backbone").get<std::string>(),
        params.at("numerics").get<std::string>(), params.at("size").get<int>());
  if (stage == "fine_tune") {
    const Json& model = params.at("model");
    return fmt::format(
        "fine_tune {} {}", model.at("backbone").get<std::string>(),
        IsUnfrozen(params) ? model.value("unfreeze", Json()).dump() : "head");
  }
  return stage;
}

}  // namespace

bool UsesAllThreads(std::string_view stage) {
  return stage == "ingest" || stage == "audit" || stage == "features" ||
         stage == "fine_tune";
}

void TaskRates::Learn(const std::string& stage, const Json& params,
                      const Json& counters, double seconds) {
  const auto counted = [&](const char* name, double otherwise) {
    return counters.is_object() ? counters.value(name, otherwise) : otherwise;
  };
  if (counters.is_object() && counters.contains("resumed_epoch")) return;
  Rate& rate = rates_[KindOf(stage, params)];
  rate.units += UnitsDone(stage, params, counters);
  rate.seconds += seconds * (UsesAllThreads(stage) ? counted("threads", 1) : 1);
  if (stage == "fine_tune") trained_ = std::max(trained_, counted("images", 0));
}

std::optional<double> TaskRates::CoreSeconds(const TaskNode& node) const {
  const auto rate = rates_.find(KindOf(node.stage, node.params));
  if (rate == rates_.end() || rate->second.units <= 0) return std::nullopt;
  return rate->second.seconds / rate->second.units * UnitsToDo(node, trained_);
}

}  // namespace besom::run
