#include "pipeline/run/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "pipeline/run/known_outputs.h"
#include "pipeline/run/stage_versions.h"

namespace besom::run {
namespace {

std::string Shortened(const Json& value) {
  std::string text = value.dump();
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

/// "/model/head/0" as "model.head.0".
std::string Dotted(std::string pointer) {
  std::replace(pointer.begin(), pointer.end(), '/', '.');
  return pointer.empty() ? pointer : pointer.substr(1);
}

/// Numbers that make tasks of one stage comparable: units of work, and what
/// decides the cost of one.
double UnitsOf(const std::string& stage, const Json& params) {
  if (stage == "ingest") return static_cast<double>(params.at("files").size());
  if (stage == "features")
    return static_cast<double>(params.at("contents").size() *
                               params.at("views").size());
  if (stage == "fine_tune") return params.at("train").at("epochs");
  return 1;
}
std::string KindOf(const std::string& stage, const Json& params) {
  if (stage != "features") return stage;
  return stage + " " + params.at("backbone").get<std::string>();
}

/// A finished action, parsed.
struct KnownAction {
  Json params;
  db::ActionRow row;
};

/// The known action that differs in the fewest fields, as the reason why
/// `node` is not done.
std::string ReasonFor(const TaskNode& node,
                      const std::vector<KnownAction>& known) {
  constexpr std::size_t kMostCompared = 200;
  std::vector<std::string> fewest;
  bool found = false;
  const std::size_t first =
      known.size() > kMostCompared ? known.size() - kMostCompared : 0;
  for (std::size_t i = first; i < known.size(); ++i) {
    std::vector<std::string> fields =
        DifferingFields(known[i].params, node.params);
    if (!found || fields.size() < fewest.size()) fewest = std::move(fields);
    found = true;
  }
  if (!found) return "never computed";
  if (fewest.empty()) return "an input changed";
  return fmt::format("{}", fmt::join(fewest, ", "));
}

class Forecaster {
 public:
  Forecaster(const PreparedSweep& sweep, db::ResultsStore* results,
             const BlobStore& blobs)
      : sweep_(sweep), results_(results), blobs_(blobs) {}

  Result<std::vector<StageForecast>> Run() {
    const TaskGraph& graph = sweep_.graph.graph;
    BESOM_RETURN_IF_ERROR(ReadKnown());
    std::map<std::string, StageForecast> stages;
    std::vector<bool> done(graph.size());
    for (TaskId task = 0; task < graph.size(); ++task) {
      const TaskNode& node = graph[task];
      done[task] = IsDone(node);
      StageForecast& stage = stages[node.stage];
      ++stage.tasks;
      if (done[task])
        ++stage.done;
      else
        Add(node, done, stage);
    }
    std::vector<StageForecast> ordered;
    for (const std::string& name : StageOrder()) {
      stages[name].stage = name;
      ordered.push_back(std::move(stages[name]));
    }
    return ordered;
  }

 private:
  Status ReadKnown() {
    if (!results_) return Status::Ok();
    for (const std::string& stage : StageOrder()) {
      BESOM_ASSIGN_OR_RETURN(const std::vector<db::ActionRow> rows,
                             results_->FindActions(stage));
      for (const db::ActionRow& row : rows) {
        BESOM_ASSIGN_OR_RETURN(Json params, ParseJson(row.params, row.label));
        Rate& rate = rates_[KindOf(stage, params)];
        rate.units += UnitsOf(stage, params);
        rate.seconds += row.seconds;
        by_key_[row.key] = row;
        known_[stage].push_back({std::move(params), row});
      }
    }
    return Status::Ok();
  }

  bool IsDone(const TaskNode& node) const {
    if (node.stage == "scan") return true;  // Planning has made it.
    const auto it = by_key_.find(node.key.Hex());
    if (it == by_key_.end()) return false;
    return OutputsOf(it->second, blobs_).ok();
  }

  void Add(const TaskNode& node, const std::vector<bool>& done,
           StageForecast& stage) {
    const auto rate = rates_.find(KindOf(node.stage, node.params));
    stage.measured = rate != rates_.end() && rate->second.units > 0;
    stage.core_seconds += stage.measured
                              ? rate->second.seconds / rate->second.units *
                                    UnitsOf(node.stage, node.params)
                              : node.cost;
    std::string reason = ReasonFor(node, known_[node.stage]);
    if (by_key_.contains(node.key.Hex())) reason = "its output is gone";
    if (reason == "an input changed") {
      for (const TaskInput& input : node.inputs)
        if (!done[input.task])
          reason =
              "an input is not done: " + sweep_.graph.graph[input.task].stage;
    }
    for (auto& [known, count] : stage.reasons)
      if (known == reason) {
        ++count;
        return;
      }
    stage.reasons.emplace_back(std::move(reason), 1);
  }

  struct Rate {
    double units = 0, seconds = 0;
  };
  const PreparedSweep& sweep_;
  db::ResultsStore* const results_;
  const BlobStore& blobs_;
  std::map<std::string, Rate> rates_;
  std::map<std::string, db::ActionRow> by_key_;
  std::map<std::string, std::vector<KnownAction>> known_;
};

}  // namespace

std::vector<std::string> DifferingFields(const Json& before,
                                         const Json& after) {
  const Json old_flat = before.flatten(), new_flat = after.flatten();
  std::vector<std::string> fields;
  for (const auto& [path, value] : new_flat.items()) {
    const auto old = old_flat.find(path);
    if (old != old_flat.end() && *old == value) continue;
    fields.push_back(fmt::format(
        "{}: {} -> {}", Dotted(path),
        old == old_flat.end() ? "none" : Shortened(*old), Shortened(value)));
  }
  for (const auto& [path, value] : old_flat.items())
    if (!new_flat.contains(path))
      fields.push_back(
          fmt::format("{}: {} -> none", Dotted(path), Shortened(value)));
  return fields;
}

Result<std::vector<StageForecast>> Forecast(const PreparedSweep& sweep,
                                            db::ResultsStore* results,
                                            const BlobStore& blobs) {
  return Forecaster(sweep, results, blobs).Run();
}

}  // namespace besom::run
