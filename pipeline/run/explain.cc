#include "pipeline/run/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "pipeline/run/known_outputs.h"
#include "pipeline/run/stage_versions.h"
#include "pipeline/run/task_rates.h"

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
             const BlobStore& blobs, double speed)
      : sweep_(sweep), results_(results), blobs_(blobs), speed_(speed) {}

  Result<std::vector<StageForecast>> Run() {
    const TaskGraph& graph = sweep_.graph.graph;
    BESOM_RETURN_IF_ERROR(ReadKnown());
    std::map<std::string, StageForecast> stages;
    std::vector<bool> done(graph.size());
    for (TaskId task = 0; task < graph.size(); ++task)
      done[task] = IsDone(graph[task]);
    BESOM_ASSIGN_OR_RETURN(const std::vector<bool> needed, Needed(done));
    for (TaskId task = 0; task < graph.size(); ++task) {
      const TaskNode& node = graph[task];
      StageForecast& stage = stages[node.stage];
      ++stage.tasks;
      if (!needed[task])
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
        rates_.Learn(stage, params, row.counters, row.seconds);
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

  /// What a run has to do: what is not done of what it wants, and of that what
  /// such a task reads.
  Result<std::vector<bool>> Needed(const std::vector<bool>& done) const {
    const TaskGraph& graph = sweep_.graph.graph;
    std::vector<bool> needed(graph.size());
    for (const PlannedTrial& trial : sweep_.graph.trials)
      for (const PlannedFit& fit : trial.fits) needed[fit.evaluate] = true;
    for (const PlannedData& data : sweep_.graph.data) {
      needed[data.split] = true;
      if (data.audit) needed[*data.audit] = true;
      BESOM_ASSIGN_OR_RETURN(
          const bool views,
          WantsViews(sweep_.graph, data, results_, blobs_.layout()));
      needed[data.augment] = needed[data.augment] || views;
    }
    // Ids are a topological order: readers come before their inputs here.
    for (TaskId id = graph.size(); id-- > 0;) {
      needed[id] = needed[id] && !done[id];
      if (!needed[id]) continue;
      for (const TaskId producer : graph.producers(id)) needed[producer] = true;
    }
    return needed;
  }

  void Add(const TaskNode& node, const std::vector<bool>& done,
           StageForecast& stage) {
    const std::optional<double> measured = rates_.CoreSeconds(node);
    if (stage.tasks == stage.done + 1) stage.measured = true;  // The first.
    stage.measured = stage.measured && measured.has_value();
    stage.core_seconds += measured.value_or(node.cost / speed_);
    std::string reason = ReasonFor(node, known_[node.stage]);
    if (const auto before = by_key_.find(node.key.Hex());
        before != by_key_.end())
      reason = before->second.removed() ? "its output was removed (gc)"
                                        : "its output is gone";
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

  const PreparedSweep& sweep_;
  db::ResultsStore* const results_;
  const BlobStore& blobs_;
  const double speed_;
  TaskRates rates_;
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
                                            const BlobStore& blobs,
                                            double speed) {
  return Forecaster(sweep, results, blobs, speed).Run();
}

double WallSeconds(const std::vector<StageForecast>& stages, int ranks,
                   int cores) {
  // Programs and the database; LibTorch, OpenVINO and their networks; mpirun.
  constexpr double kStart = 0.12, kEngines = 0.45, kStartOfRanks = 0.15;
  double seconds = 0;
  bool any = false;
  for (const StageForecast& stage : stages) {
    const auto left = static_cast<double>(stage.tasks - stage.done);
    if (left == 0) continue;
    any = true;
    if (stage.stage == "features") seconds += kEngines;
    const double share = UsesAllThreads(stage.stage)
                             ? static_cast<double>(std::max(cores, ranks))
                             : std::min<double>(ranks, left);
    seconds += stage.core_seconds / share;
  }
  if (!any) return 0;
  return seconds + kStart + (ranks > 1 ? kStartOfRanks : 0);
}

}  // namespace besom::run
