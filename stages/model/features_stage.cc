#include "stages/model/features_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/base/clock.h"
#include "stages/data/split_table.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/feature_work.h"
#include "stages/model/numerics_tag.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "features";

const std::vector<Artifact>& PortOf(const ArtifactMap& artifacts,
                                    const char* port) {
  static const std::vector<Artifact> none;
  const auto it = artifacts.find(port);
  return it == artifacts.end() ? none : it->second;
}

/// The rows of a task, each with its place in the shard.
struct RowTable {
  std::size_t width = 0;
  std::vector<float> numbers;
  std::vector<const RowWork*> missing;  ///< Not taken from prior shards.
  std::vector<std::size_t> missing_at;  ///< Their rows, parallel.

  std::span<float> row(std::size_t index) {
    return std::span(numbers).subspan(index * width, width);
  }
};

/// Takes what prior shards hold; lists the rest.
Result<RowTable> TakePrior(const std::vector<RowWork>& rows, int dimension,
                           const std::vector<Artifact>& prior) {
  BESOM_ASSIGN_OR_RETURN(const FeatureIndex index, FeatureIndex::Over(prior));
  RowTable table{.width = static_cast<std::size_t>(dimension)};
  table.numbers.resize(rows.size() * table.width);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const float> known = index.Find(rows[i].key);
    if (known.empty()) {
      table.missing.push_back(&rows[i]);
      table.missing_at.push_back(i);
      continue;
    }
    if (known.size() != table.width)
      return CorruptError(kPlace, "prior rows are of another dimension");
    std::copy(known.begin(), known.end(), table.row(i).begin());
  }
  return table;
}

/// Seconds of all lanes.
struct LaneTimes {
  double lanes = 0;  ///< From begin to end of the task, each.
  double input = 0, engine = 0;
};

/// Computes the missing rows in lanes: each takes the next batch, renders it
/// and passes it through an engine of its own. Two passes of one thread each
/// are faster than one of two threads, and rendering never holds up an engine.
class BatchLanes {
 public:
  BatchLanes(const FeaturesRequest& request, const PixelSource& pixels,
             const Engines& engines, RowTable& table,
             const std::function<bool(double)>& progress, LaneTimes& times)
      : request_(request),
        pixels_(pixels),
        filler_(request.preprocessing),
        engines_(engines),
        table_(table),
        progress_(progress),
        times_(times),
        batch_(static_cast<std::size_t>(engines.front()->batch())) {}

  Status Run() {
    std::vector<std::jthread> others;
    for (std::size_t lane = 1; lane < engines_.size(); ++lane)
      others.emplace_back([this, lane] { RunLane(*engines_[lane]); });
    RunLane(*engines_[0]);
    others.clear();  // Joins.
    return status_;
  }

 private:
  void RunLane(FeatureEngine& engine) {
    std::vector<float> input(batch_ * engine.image_numbers());
    std::vector<float> computed(batch_ * table_.width);
    const std::size_t total = table_.missing.size();
    const SystemClock clock;
    LaneTimes mine;
    while (!ended_) {
      const std::size_t first = next_.fetch_add(batch_);
      if (first >= total) break;
      const std::size_t count = std::min(batch_, total - first);
      const double start = clock.Monotonic();
      FillBatch(request_, pixels_, filler_,
                std::span(table_.missing).subspan(first, count), input);
      const double filled = clock.Monotonic();
      const std::span<float> rows =
          std::span(computed).first(count * table_.width);
      if (const Status status =
              engine.Extract(static_cast<int>(count), input, rows);
          !status.ok())
        return End(status);
      mine.input += filled - start;
      mine.engine += clock.Monotonic() - filled;
      for (std::size_t i = 0; i < count; ++i) {
        const auto row = rows.subspan(i * table_.width, table_.width);
        std::copy(row.begin(), row.end(),
                  table_.row(table_.missing_at[first + i]).begin());
      }
      if (Report(count))
        return End(Status(StatusCode::kInterrupted, kPlace, "asked to stop"));
    }
    const std::lock_guard lock(mutex_);
    times_.input += mine.input;
    times_.engine += mine.engine;
  }

  /// Whether to stop, after `count` more rows.
  bool Report(std::size_t count) {
    const std::lock_guard lock(mutex_);
    done_ += count;
    return progress_(static_cast<double>(done_) /
                     static_cast<double>(table_.missing.size()));
  }

  /// All lanes end; the first reason counts.
  void End(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = status;
    ended_ = true;
  }

  const FeaturesRequest& request_;
  const PixelSource& pixels_;
  const InputFiller filler_;
  const Engines& engines_;
  RowTable& table_;
  const std::function<bool(double)>& progress_;
  LaneTimes& times_;  // Guarded by mutex_ while lanes run.
  const std::size_t batch_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> ended_{false};
  std::mutex mutex_;  // Guards the rest while lanes run.
  std::size_t done_ = 0;
  Status status_;
};

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

StageOutput PackOutput(const std::vector<RowWork>& rows, int dimension,
                       const RowTable& table, const LaneTimes& times) {
  std::vector<FeatureKey> keys;
  std::set<Digest> images;
  for (const RowWork& row : rows) {
    keys.push_back(row.key);
    images.insert(row.key.content);
  }
  StageOutput output;
  output.blobs["features"] = FeatureShard::Pack(dimension, keys, table.numbers);
  output.counters = {{"rows", rows.size()},
                     {"computed", table.missing.size()},
                     {"reused", rows.size() - table.missing.size()},
                     {"images", images.size()},
                     {"lane_seconds", times.lanes},
                     {"input_seconds", times.input},
                     {"engine_seconds", times.engine}};
  return output;
}

}  // namespace

FeaturesStage::FeaturesStage(EnginesFactory make_engines)
    : make_engines_(std::move(make_engines)) {}

Result<StageOutput> FeaturesStage::Run(const StageInput& input) {
  const SystemClock clock;
  const double start = clock.Monotonic();
  BESOM_ASSIGN_OR_RETURN(const FeaturesRequest request,
                         FeaturesRequest::Parse(input.params, input.hints));
  const EngineSpec& spec = request.engine;
  BESOM_RETURN_IF_ERROR(CheckNumerics(request));
  BESOM_ASSIGN_OR_RETURN(const Backbone backbone,
                         DescribeBackbone(spec.backbone));
  BESOM_ASSIGN_OR_RETURN(
      const int dimension,
      FeatureDimension(backbone, spec.cut, spec.pooling, spec.size));
  BESOM_ASSIGN_OR_RETURN(
      const PixelSource pixels,
      PixelSource::Over(PortOf(input.artifacts, "pixels"), spec.size));
  const std::set<Digest>* trained = nullptr;
  if (request.HasAugmentedViews()) {
    BESOM_ASSIGN_OR_RETURN(trained, TrainedContents(input.artifacts));
  }
  BESOM_ASSIGN_OR_RETURN(const std::vector<RowWork> rows,
                         ListRows(request, pixels, trained));
  BESOM_ASSIGN_OR_RETURN(
      RowTable table,
      TakePrior(rows, dimension, PortOf(input.artifacts, "prior")));
  DeviceMemory memory;
  LaneTimes times;
  if (!table.missing.empty()) {
    BESOM_ASSIGN_OR_RETURN(const Engines* engines,
                           EnginesFor(spec, request.weights));
    BESOM_RETURN_IF_ERROR(
        BatchLanes(request, pixels, *engines, table, input.progress, times)
            .Run());
    memory = engines->front()->Memory();
    times.lanes =
        static_cast<double>(engines->size()) * (clock.Monotonic() - start);
  }
  StageOutput output = PackOutput(rows, dimension, table, times);
  output.memory = memory;
  return output;
}

void FeaturesStage::ReleaseDevice() {
  if (!engine_on_gpu_) return;
  engines_.clear();
  engine_key_.clear();
}

Result<const Engines*> FeaturesStage::EnginesFor(const EngineSpec& spec,
                                                 const std::string& weights) {
  const std::string key = CanonicalText(
      {spec.backbone, weights, spec.cut, spec.pooling, spec.precision,
       spec.engine, spec.device, spec.size, spec.threads});
  if (!engines_.empty() && key == engine_key_) return &engines_;
  if (!spec.weights.empty()) {
    BESOM_ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(spec.weights));
    if (digest.Hex() != weights)
      return CorruptError(spec.weights.string(),
                          "the weights have changed since they were planned",
                          "put the file back, or run the sweep again");
  }
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
