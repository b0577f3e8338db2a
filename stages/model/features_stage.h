#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "stages/model/feature_engine.h"
#include "stages/stage.h"

namespace besom::stages {

inline constexpr int kFeaturesStageVersion = 1;

using EnginesFactory =
    std::function<Result<Engines>(const EngineSpec&, int lanes)>;

/// Computes feature rows of images and views that no "prior" shard holds.
///
/// params: {backbone, weights: hex digest | "random", preprocessing, cut,
///   pooling, precision, numerics, size, augment: section | null,
///   views: [numbers], seed, contents: [hex]}
/// hints: {weights_path, threads, device}; the last two default to 1 and "cpu"
/// artifacts: "pixels" (shards that hold the contents), "split" (when a view
///   is >= 1: such views are made only of contents that are in training in
///   some fit), "prior" (feature shards of the same space, whose rows are
///   taken as they are)
/// blobs: "features", a FeatureShard: for each view in turn, the contents in
///   order, without those that could not be decoded.
/// counters: {rows, computed, reused, images}; {passes, multiply_adds}: what
///   of the network's work was done for this task; and where time went, summed
///   over the lanes: {lane_seconds, input_seconds, engine_seconds}. What is
///   neither input (views rendered, pixels converted) nor engine was spent on
///   reading, weights, compiling, packing, or waiting for another lane to end.
///   Of passes that several tasks share, each counts what its cut adds to the
///   shallower ones, and the deepest one the passes.
///
/// Random weights are the same in every sweep: RandomParameters of seed 0.
/// There are as many lanes as threads; each renders a batch into the input of
/// its own engine and passes it, so that no engine waits for another thread.
/// Keeps the last engines and the last split between runs.
class FeaturesStage final : public Stage {
 public:
  explicit FeaturesStage(EnginesFactory make_engines);

  std::string_view name() const noexcept override { return "features"; }
  int version() const noexcept override { return kFeaturesStageVersion; }
  /// kCorrupt: inputs that are not what the parameters say; kUnavailable:
  /// this machine's numerics are not those of the parameters; kInterrupted:
  /// asked to stop; else as the engine.
  Result<StageOutput> Run(const StageInput& input) override;
  /// Computes tasks that differ in "cut", "pooling" and "prior" alone; those
  /// that miss the same rows have them from the same passes.
  Result<std::vector<Result<StageOutput>>> RunEach(
      std::span<const StageInput> inputs) override;
  void ReleaseDevice() override;

 private:
  Result<const Engines*> EnginesFor(const EngineSpec& spec,
                                    const std::string& weights);
  Result<const std::set<Digest>*> TrainedContents(const ArtifactMap& artifacts);

  EnginesFactory make_engines_;
  std::string engine_key_;  // All that made `engines_`.
  Engines engines_;
  bool engine_on_gpu_ = false;
  Digest split_;  // The table that `trained_` was read from.
  std::set<Digest> trained_;
};

}  // namespace besom::stages
