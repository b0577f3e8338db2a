#pragma once

#include <memory>
#include <span>
#include <vector>

#include "stages/model/head/head_model.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// What the fine_tune stage leaves behind, ready to classify: a head and, where
/// a part of the base was trained with it, that part. One thread at a time.
class TrainedModel {
 public:
  /// `model`: the trial's section; `size`: side of the images, pixels; any
  /// `threads` give the same bits. kCorrupt when head and base do not fit;
  /// other errors are `make_base`'s.
  static Result<TrainedModel> Make(HeadModel head, const Json& model, int size,
                                   int threads,
                                   const TrainedBaseFactory& make_base);

  const HeadModel& head() const { return head_; }
  /// Length of the rows that it takes: features, or maps of the frozen edge.
  int dimension() const {
    return base_ ? base_->map_numbers() : head_.dimension();
  }
  /// REQUIRES: every row holds dimension() floats.
  Result<std::vector<HeadOutput>> Evaluate(
      std::span<const float* const> rows) const;

 private:
  TrainedModel(HeadModel head, std::unique_ptr<TrainedBase> base)
      : head_(std::move(head)), base_(std::move(base)) {}

  HeadModel head_;
  std::unique_ptr<TrainedBase> base_;  // Null where the base is frozen.
};

/// The tap whose features a trial of that `model` section reads: that of its
/// cut and pooling, or of the frozen edge under what it trains.
Result<FeatureTap> TapOf(const Json& model);

}  // namespace besom::stages
