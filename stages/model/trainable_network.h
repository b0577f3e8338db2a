#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "stages/model/backbone_catalog.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// Layers of a backbone as LibTorch differentiates them, float32. It holds no
/// weights: these come with each call. Immutable; any thread. Throws as
/// LibTorch does.
class TrainableNetwork {
 public:
  /// Of the layers after `edge` (Layer::kImage: from the first on) up to
  /// `last`, which read nothing before `edge`.
  TrainableNetwork(Backbone backbone, int edge, int last);

  /// Of its layers, in their order; with running statistics.
  const std::vector<Parameter>& parameters() const { return parameters_; }

  /// The last layer's output for the edge's map `input` (N, C, H, W).
  /// tensors: parallel to parameters(). `training`: batch norms do as `mode`
  /// says; kBatch then changes the running statistics in `tensors`.
  at::Tensor Forward(const at::Tensor& input,
                     std::span<const at::Tensor> tensors, BatchNormMode mode,
                     bool training) const;

 private:
  class Pass;

  const Layer& At(int layer) const {
    return backbone_.layers[static_cast<std::size_t>(layer)];
  }
  /// Where a layer's parameters begin in parameters().
  std::size_t FirstTensor(int layer) const {
    return first_tensor_[static_cast<std::size_t>(layer)];
  }
  /// Whether a later layer, or the caller, reads its output.
  bool IsRead(int layer) const {
    return is_read_[static_cast<std::size_t>(layer)];
  }

  Backbone backbone_;
  int edge_, last_;
  std::vector<Parameter> parameters_;
  std::vector<bool> is_read_;
  std::vector<std::size_t> first_tensor_;
};

}  // namespace besom::stages
