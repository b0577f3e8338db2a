#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "stages/model/trained_base.h"

namespace besom::stages {

/// A base of one layer without an engine: feature i is scale[i] * map[i]. The
/// scales are learned. It also keeps the number of its batches, which is not
/// learned.
class ScalingBase final : public TrainedBase {
 public:
  explicit ScalingBase(int numbers)
      : numbers_(static_cast<std::size_t>(numbers)), scale_(numbers_) {
    for (std::size_t i = 0; i < numbers_; ++i)
      scale_[i] = 1 + 0.01F * static_cast<float>(i % 7);
    tensors_ = {{{"scale", {numbers}}, true, scale_},
                {{"batches", {1}}, false, batches_}};
  }

  int map_numbers() const override { return static_cast<int>(numbers_); }
  int dimension() const override { return static_cast<int>(numbers_); }
  const std::vector<BaseTensor>& tensors() const override { return tensors_; }
  std::size_t learned_numbers() const override { return numbers_; }

  Status Evaluate(std::span<const float* const> maps,
                  std::span<float> features) override {
    for (std::size_t r = 0; r < maps.size(); ++r)
      for (std::size_t i = 0; i < numbers_; ++i)
        features[r * numbers_ + i] = scale_[i] * maps[r][i];
    return Status::Ok();
  }
  Status Forward(std::size_t slot, std::span<const float* const> maps,
                 std::span<float> features) override {
    if (kept_.size() <= slot) kept_.resize(slot + 1);
    kept_[slot].assign(maps.begin(), maps.end());
    if (slot == 0) ++batches_[0];
    return Evaluate(maps, features);
  }
  Status Backward(std::size_t slot, std::span<const float> by_features,
                  std::span<float> gradients) override {
    std::fill(gradients.begin(), gradients.end(), 0.0F);
    for (std::size_t r = 0; r < kept_[slot].size(); ++r)
      for (std::size_t i = 0; i < numbers_; ++i)
        gradients[i] += by_features[r * numbers_ + i] * kept_[slot][r][i];
    return Status::Ok();
  }

 private:
  std::size_t numbers_;
  std::vector<float> scale_;
  std::vector<float> batches_ = {0};
  std::vector<BaseTensor> tensors_;
  std::vector<std::vector<const float*>> kept_;
};

}  // namespace besom::stages
