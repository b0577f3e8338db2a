#pragma once

#include <utility>

#include "stages/model/head/fit_images.h"
#include "stages/model/trained_base.h"
#include "stages/stage.h"

namespace besom::stages {

/// Scores one fit on all its sets: train, validation, test, external sets;
/// always on view 0. A set without images is left out.
///
/// params: {classes, evaluate, model, train, repeat, fold}; of a model with an
/// unfrozen base also {size, numerics}, as of fine_tune. evaluate.threshold is
/// null or {text, metric, class, least, given?}: `given` is the threshold of a
/// fit whose validation images are not in the split.
/// artifacts: "split", "plain", "weights", "history" as fine_tune left them.
/// blobs: "evaluation", an Evaluation. evaluate.predictions: all | held_out |
/// none; `best` keeps what held_out keeps (which trial is best is known only
/// to the sweep, which drops the others' rows).
/// The output does not depend on the order of the shards.
class EvaluateStage final : public Stage {
 public:
  /// `make_base` is for unfrozen bases alone.
  explicit EvaluateStage(TrainedBaseFactory make_base = {})
      : make_base_(std::move(make_base)) {}

  std::string_view name() const noexcept override { return "evaluate"; }
  int version() const noexcept override { return 2; }
  Result<StageOutput> Run(const StageInput& input) override;

 private:
  TrainedBaseFactory make_base_;
  FitSourcesCache cache_;
};

}  // namespace besom::stages
