#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "stages/model/layer.h"

namespace besom::stages {

// Layers as LibTorch computes and differentiates them. Maps are (images,
// channels, rows, columns), channels last in memory. Throw as LibTorch does.

/// Zeros at the left, right, top and bottom of `input`, (N, C, H, W), that make
/// a window's output ceil(side / stride): TensorFlow's "SAME".
std::vector<std::int64_t> SamePadding(const Layer& layer,
                                      at::IntArrayRef input);

/// Of an activation.
at::Tensor Activated(LayerKind activation, const at::Tensor& map);
/// The same in the place of `map`.
void Activate(LayerKind activation, at::Tensor& map);

/// Over the channels of each position.
at::Tensor NormOfChannels(const Layer& layer, const at::Tensor& map,
                          const at::Tensor& weight, const at::Tensor& bias);

/// The map's positions, row by row, after `token` (1, 1, channels).
at::Tensor WithToken(const at::Tensor& token, const at::Tensor& map);

/// Tokens and `positions` (1, tokens, channels).
at::Tensor WithPositions(const at::Tensor& positions, const at::Tensor& map);

/// Of a layer without parameters that is no activation: pooling, what joins
/// maps, attention and what takes tokens out. May be a view of its input.
at::Tensor OutputOf(const Layer& layer, std::span<const at::Tensor> inputs);

}  // namespace besom::stages
