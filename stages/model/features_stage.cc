#include "stages/model/features_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "pipeline/base/clock.h"
#include "stages/data/split_table.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/feature_lanes.h"
#include "stages/model/feature_work.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/pooling.h"
#include "stages/model/torch_script.h"

namespace besom::stages {

namespace {

constexpr const char* kPlace = "features";

const std::vector<Artifact>& PortOf(const ArtifactMap& artifacts,
                                    const char* port) {
  static const std::vector<Artifact> none;
  const auto it = artifacts.find(port);
  return it == artifacts.end() ? none : it->second;
}

/// A GPU's model is known to the rank, which got the task because of it.
Status CheckNumerics(const FeaturesRequest& request) {
  if (request.engine.device != "cpu") return Status::Ok();
  const std::vector<std::string> here = OfferedNumerics("");
  if (std::ranges::find(here, request.numerics) != here.end())
    return Status::Ok();
  return Status(StatusCode::kUnavailable, kPlace,
                fmt::format("the sweep's numerics are {}, this rank's are {}",
                            request.numerics, fmt::join(here, ", ")),
                "run it on machines like the first, or in a new workspace");
}

/// One of the tasks of a call: its kind of features.
struct TapTask {
  FeatureTap tap;
  int dimension = 0;
  double multiply_adds = 0;  ///< Of one image, up to its cut.
  RowTable table;
  /// The passes that are counted as its own, of those that it shares.
  std::size_t passes = 0;
  double own_multiply_adds = 0;
  LaneTimes times;
  DeviceMemory memory;
};

/// Its tap as the catalog knows it.
Result<TapTask> TapOfCatalog(const EngineSpec& engine) {
  TapTask task{.tap = engine.taps.front()};
  BESOM_ASSIGN_OR_RETURN(const Backbone backbone,
                         DescribeBackbone(engine.backbone));
  BESOM_ASSIGN_OR_RETURN(
      task.dimension,
      FeatureDimension(backbone, task.tap.cut, task.tap.pooling, engine.size));
  BESOM_ASSIGN_OR_RETURN(const int last,
                         TapLayer(backbone, task.tap.cut, task.tap.pooling));
  BESOM_ASSIGN_OR_RETURN(const auto multiply_adds,
                         MultiplyAdds(backbone, last, engine.size));
  task.multiply_adds = static_cast<double>(multiply_adds);
  return task;
}

/// A task with the rows that are there.
Result<TapTask> ReadTap(const FeaturesRequest& request,
                        const std::vector<RowWork>& rows,
                        const std::vector<Artifact>& prior,
                        const std::function<Result<const Engines*>()>& load) {
  TapTask task{.tap = request.engine.taps.front()};
  if (request.engine.backbone == kTorchScript) {
    // What it gives is seen when it is loaded.
    BESOM_ASSIGN_OR_RETURN(const Engines* engines, load());
    task.dimension = engines->front()->dimension();
    task.multiply_adds =
        static_cast<double>(ForeseenMultiplyAdds(request.engine.size));
  } else {
    BESOM_ASSIGN_OR_RETURN(task, TapOfCatalog(request.engine));
  }
  BESOM_ASSIGN_OR_RETURN(task.table, TakePrior(rows, task.dimension, prior));
  return task;
}

/// Tasks whose rows come from the same passes: those that miss the same ones.
using PassGroups = std::map<std::vector<std::size_t>, std::vector<TapTask*>>;

/// An engine that gives what all of a group want.
EngineSpec SpecOf(EngineSpec spec, const std::vector<TapTask*>& group) {
  spec.taps.clear();
  for (const TapTask* task : group) spec.taps.push_back(task->tap);
  return spec;
}

std::vector<RowTable*> TablesOf(const std::vector<TapTask*>& group) {
  std::vector<RowTable*> tables;
  for (TapTask* task : group) tables.push_back(&task->table);
  return tables;
}

/// Counts what the passes of a group took, each task's part: what it adds to
/// the shallower ones. The deepest one made the passes.
void ShareOut(std::vector<TapTask*> group, const LaneTimes& times) {
  std::ranges::sort(group, {}, &TapTask::multiply_adds);
  const auto passes = static_cast<double>(group.front()->table.missing.size());
  const double whole = std::max(1.0, group.back()->multiply_adds);
  double known = 0;
  for (TapTask* task : group) {
    const double own =
        task->multiply_adds - std::exchange(known, task->multiply_adds);
    task->own_multiply_adds = passes * own;
    task->times = {times.lanes * own / whole, times.input * own / whole,
                   times.engine * own / whole};
  }
  group.back()->passes = group.back()->table.missing.size();
}

StageOutput PackOutput(const std::vector<RowWork>& rows, const TapTask& task,
                       std::string_view precision) {
  std::vector<FeatureKey> keys;
  std::set<Digest> images;
  for (const RowWork& row : rows) {
    keys.push_back(row.key);
    images.insert(row.key.content);
  }
  const std::size_t missing = task.table.missing.size();
  StageOutput output;
  output.blobs["features"] =
      FeatureShard::Pack(task.dimension, keys, task.table.numbers,
                         NumbersOf(task.tap.pooling, precision));
  output.counters = {{"rows", rows.size()},
                     {"computed", missing},
                     {"reused", rows.size() - missing},
                     {"images", images.size()},
                     {"passes", task.passes},
                     {"multiply_adds", task.own_multiply_adds},
                     {"lane_seconds", task.times.lanes},
                     {"input_seconds", task.times.input},
                     {"engine_seconds", task.times.engine}};
  output.memory = task.memory;
  return output;
}

/// kInternal where tasks of one call differ in more than their features.
Status CheckAlike(Json one, Json other) {
  for (const char* key : {"cut", "pooling"}) {
    one.erase(key);
    other.erase(key);
  }
  if (one == other) return Status::Ok();
  return InternalError(kPlace, "tasks of one call differ in their images");
}

}  // namespace

FeaturesStage::FeaturesStage(EnginesFactory make_engines)
    : make_engines_(std::move(make_engines)) {}

Result<StageOutput> FeaturesStage::Run(const StageInput& input) {
  BESOM_ASSIGN_OR_RETURN(std::vector<Result<StageOutput>> outputs,
                         RunEach(std::span(&input, 1)));
  return std::move(outputs.front());
}

Result<std::vector<Result<StageOutput>>> FeaturesStage::RunEach(
    std::span<const StageInput> inputs) {
  const StageInput& input = inputs.front();
  const SystemClock clock;
  const double start = clock.Monotonic();
  BESOM_ASSIGN_OR_RETURN(const FeaturesRequest request,
                         FeaturesRequest::Parse(input.params, input.hints));
  BESOM_RETURN_IF_ERROR(CheckNumerics(request));
  BESOM_ASSIGN_OR_RETURN(const PixelSource pixels,
                         PixelSource::Over(PortOf(input.artifacts, "pixels"),
                                           request.engine.size));
  const std::set<Digest>* trained = nullptr;
  if (request.HasAugmentedViews()) {
    BESOM_ASSIGN_OR_RETURN(trained, TrainedContents(input.artifacts));
  }
  BESOM_ASSIGN_OR_RETURN(const std::vector<RowWork> rows,
                         ListRows(request, pixels, trained));
  std::vector<Result<TapTask>> tasks;
  for (const StageInput& each : inputs) {
    BESOM_RETURN_IF_ERROR(CheckAlike(input.params, each.params));
    BESOM_ASSIGN_OR_RETURN(const FeaturesRequest own,
                           FeaturesRequest::Parse(each.params, each.hints));
    tasks.push_back(ReadTap(own, rows, PortOf(each.artifacts, "prior"), [&] {
      return EnginesFor(own.engine, own.weights);
    }));
  }
  PassGroups groups;
  for (Result<TapTask>& task : tasks)
    if (task.ok() && !task->table.missing.empty())
      groups[task->table.missing].push_back(&*task);
  double begun = start, ended = 0;
  for (const auto& [missing, group] : groups) {
    const auto progress = [&](double share) {
      return input.progress((ended + share) /
                            static_cast<double>(groups.size()));
    };
    BESOM_ASSIGN_OR_RETURN(
        const Engines* engines,
        EnginesFor(SpecOf(request.engine, group), request.weights));
    LaneTimes times;
    BESOM_RETURN_IF_ERROR(FeatureLanes(request, pixels, rows, *engines)
                              .Run(TablesOf(group), progress, times));
    for (TapTask* task : group) task->memory = engines->front()->Memory();
    const double now = clock.Monotonic();
    times.lanes = static_cast<double>(engines->size()) *
                  (now - std::exchange(begun, now));
    ShareOut(group, times);
    ++ended;
  }
  std::vector<Result<StageOutput>> outputs;
  for (const Result<TapTask>& task : tasks) {
    if (task.ok())
      outputs.emplace_back(PackOutput(rows, *task, request.engine.precision));
    else
      outputs.emplace_back(task.status());
  }
  return outputs;
}

void FeaturesStage::ReleaseDevice() {
  if (!engine_on_gpu_) return;
  engines_.clear();
  engine_key_.clear();
}

Result<const Engines*> FeaturesStage::EnginesFor(const EngineSpec& spec,
                                                 const std::string& weights) {
  Json taps = Json::array();
  for (const FeatureTap& tap : spec.taps)
    taps.push_back({tap.cut, tap.pooling});
  const std::string key =
      CanonicalText({spec.backbone, weights, std::move(taps), spec.precision,
                     spec.engine, spec.device, spec.size, spec.threads});
  if (!engines_.empty() && key == engine_key_) return &engines_;
  if (!spec.weights.empty())
    BESOM_RETURN_IF_ERROR(checked_.Check(spec.weights, weights));
  engines_.clear();  // Before the next ones: never both in memory.
  // A GPU takes one lane, which feeds it.
  EngineSpec lane = spec;
  const int lanes = spec.device == "cpu" ? spec.threads : 1;
  if (lanes > 1) lane.threads = 1;
  BESOM_ASSIGN_OR_RETURN(engines_, make_engines_(lane, lanes));
  engine_key_ = key;
  engine_on_gpu_ = spec.device != "cpu";
  return &engines_;
}

Result<const std::set<Digest>*> FeaturesStage::TrainedContents(
    const ArtifactMap& artifacts) {
  const std::vector<Artifact>& port = PortOf(artifacts, "split");
  if (port.size() != 1)
    return CorruptError(kPlace, "augmented views need the split");
  if (!trained_.empty() && split_ == port.front().ref().digest)
    return &trained_;
  BESOM_ASSIGN_OR_RETURN(const Json json,
                         ParseJson(port.front().text(), "split"));
  BESOM_ASSIGN_OR_RETURN(const SplitTable table, SplitTable::FromJson(json));
  trained_.clear();
  for (std::size_t i = 0; i < table.entries.size(); ++i)
    if (table.IsEverTrained(i)) trained_.insert(table.entries[i].content);
  split_ = port.front().ref().digest;
  return &trained_;
}

}  // namespace besom::stages
