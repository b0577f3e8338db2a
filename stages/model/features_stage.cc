#include "stages/model/features_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>
#include <vector>

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

/// Computes the missing rows, batch by batch, rendering one batch ahead.
class BatchLoop {
 public:
  BatchLoop(const FeaturesRequest& request, const PixelSource& pixels,
            FeatureEngine& engine, RowTable& table)
      : request_(request),
        pixels_(pixels),
        filler_(request.preprocessing),
        engine_(engine),
        table_(table),
        batch_(static_cast<std::size_t>(engine.batch())) {
    for (std::vector<float>& input : inputs_)
      input.assign(batch_ * engine.image_numbers(), 0.0F);
    computed_.resize(batch_ * table.width);
  }

  Status Run(const std::function<bool(double)>& progress) {
    const std::size_t total = table_.missing.size();
    std::future<void> ready = FillAhead(0);
    for (std::size_t first = 0; first < total; first += batch_) {
      ready.get();
      if (first + batch_ < total) ready = FillAhead(first + batch_);
      BESOM_RETURN_IF_ERROR(Compute(first));
      const std::size_t done = std::min(first + batch_, total);
      if (progress(static_cast<double>(done) / static_cast<double>(total)))
        return Status(StatusCode::kInterrupted, kPlace, "asked to stop");
    }
    return Status::Ok();
  }

 private:
  std::size_t CountAt(std::size_t first) const {
    return std::min(batch_, table_.missing.size() - first);
  }

  std::vector<float>& InputAt(std::size_t first) {
    return inputs_[first / batch_ % 2];
  }

  /// Fills the input of the batch at `first`; the other one may be in use.
  std::future<void> FillAhead(std::size_t first) {
    return std::async(std::launch::async, [this, first] {
      FillBatch(request_, pixels_, filler_,
                std::span(table_.missing).subspan(first, CountAt(first)),
                InputAt(first));
    });
  }

  Status Compute(std::size_t first) {
    const std::size_t count = CountAt(first);
    const std::span<float> rows =
        std::span(computed_).first(count * table_.width);
    BESOM_RETURN_IF_ERROR(
        engine_.Extract(static_cast<int>(count), InputAt(first), rows));
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = rows.subspan(i * table_.width, table_.width);
      std::copy(row.begin(), row.end(),
                table_.row(table_.missing_at[first + i]).begin());
    }
    return Status::Ok();
  }

  const FeaturesRequest& request_;
  const PixelSource& pixels_;
  const InputFiller filler_;
  FeatureEngine& engine_;
  RowTable& table_;
  const std::size_t batch_;
  std::vector<float> inputs_[2];
  std::vector<float> computed_;
};

Status CheckNumerics(const FeaturesRequest& request) {
  const std::string here =
      NumericsTag(request.engine.precision, request.engine.device);
  if (here == request.numerics) return Status::Ok();
  return Status(StatusCode::kUnavailable, kPlace,
                fmt::format("the sweep's numerics are {}, this rank's are {}",
                            request.numerics, here),
                "run it on machines like the first, or in a new workspace");
}

StageOutput PackOutput(const std::vector<RowWork>& rows, int dimension,
                       const RowTable& table) {
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
                     {"images", images.size()}};
  return output;
}

}  // namespace

FeaturesStage::FeaturesStage(EngineFactory make_engine)
    : make_engine_(std::move(make_engine)) {}

Result<StageOutput> FeaturesStage::Run(const StageInput& input) {
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
  if (!table.missing.empty()) {
    BESOM_ASSIGN_OR_RETURN(FeatureEngine * engine,
                           EngineFor(spec, request.weights));
    BESOM_RETURN_IF_ERROR(
        BatchLoop(request, pixels, *engine, table).Run(input.progress));
  }
  return PackOutput(rows, dimension, table);
}

Result<FeatureEngine*> FeaturesStage::EngineFor(const EngineSpec& spec,
                                                const std::string& weights) {
  const std::string key =
      CanonicalText({spec.backbone, weights, spec.cut, spec.pooling,
                     spec.precision, spec.device, spec.size, spec.threads});
  if (engine_ != nullptr && key == engine_key_) return engine_.get();
  if (!spec.weights.empty()) {
    BESOM_ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(spec.weights));
    if (digest.Hex() != weights)
      return CorruptError(spec.weights.string(),
                          "the weights have changed since they were planned",
                          "put the file back, or run the sweep again");
  }
  engine_.reset();  // Before the next one, so that both are never in memory.
  BESOM_ASSIGN_OR_RETURN(engine_, make_engine_(spec));
  engine_key_ = key;
  return engine_.get();
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
