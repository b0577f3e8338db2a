#pragma once

#include <span>
#include <utility>
#include <vector>

#include "stages/model/head/fit_images.h"
#include "stages/model/trained_base.h"
#include "stages/stage.h"

namespace besom::stages {

/// Trains the head of one fit on frozen features, or with the part of the base
/// from model.unfreeze on; then features are maps of the frozen edge.
///
/// params: {classes, model, train, augment, seed, repeat, fold, shards}; with
/// an unfrozen base also {size, numerics}: the side of the images, and the tag
/// of what trains it.
/// "shards" (absent = 1) cuts each batch; a group's ranks compute them, and
/// fewer ranks, down to one, give the same bits (see ShardedTraining).
/// hints: {threads, memory, group_seconds, weights_path}: how many heads are
/// trained at a time (default 1), bytes of which those that are trained side by
/// side take a half (default 512 MiB), how long a rank of a group waits for the
/// others (default 120). artifacts: "split" (SplitTable), "plain" (view 0
/// shards of all images), "views" (shards of views >= 1; absent when
/// augment.views = 0). blobs: "weights", a HeadModel; "history", JSON {epochs:
/// [{epoch, train: {loss}, validation: {loss, accuracy, balanced_accuracy}}],
/// chosen_epoch, stopped_early, class_weights}. "validation" is absent without
/// such images. train.loss is the mean of the batches' losses as trained.
/// kFailed when a loss is not finite; kInvalid for early stopping without
/// validation images, and for values that are not built.
/// In a group all members fail together; see FitHead. One head takes one
/// thread; the outputs do not depend on the order of the shards of features.
class FineTuneStage final : public Stage {
 public:
  /// `make_base` is for unfrozen bases alone.
  explicit FineTuneStage(TrainedBaseFactory make_base = {})
      : make_base_(std::move(make_base)) {}

  std::string_view name() const noexcept override { return "fine_tune"; }
  int version() const noexcept override { return 2; }
  Result<StageOutput> Run(const StageInput& input) override;

  /// Trains the heads of many fits on features that they share, which pays
  /// where there are threads or the features are large; see FitHeads. All have
  /// the same classes, augment, seed, repeat and fold, and no shards (else
  /// kInternal).
  Result<std::vector<Result<StageOutput>>> RunEach(
      std::span<const StageInput> inputs) override;

 private:
  Result<StageOutput> RunBySteps(const StageInput& input);

  TrainedBaseFactory make_base_;
  FitSourcesCache cache_;
};

}  // namespace besom::stages
