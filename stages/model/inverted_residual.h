#pragma once

#include <string>

#include "stages/model/backbone_builder.h"

namespace besom::stages {

/// An inverted residual block (Sandler and others, arXiv 1801.04381, figure 3):
/// a 1x1 convolution to `wide` channels where they are not the input's, a
/// depthwise one, squeeze-and-excitation (arXiv 1709.01507) where wanted, and a
/// 1x1 convolution to `channels` without activation.
struct InvertedResidual {
  int wide = 0;
  int channels = 0;
  int kernel = 3;
  int stride = 1;
  LayerKind activation = LayerKind::kRelu;
  int squeeze = 0;  ///< Channels between squeeze and excitation; 0 = none.
  LayerKind squeeze_activation = LayerKind::kRelu;
  LayerKind gate = LayerKind::kSigmoid;
  double epsilon = 1e-5;
  double momentum = 0.1;
  /// Whether the last convolution and norm are modules of the sequence itself,
  /// as in torchvision's MobileNetV2, instead of a sequence in it.
  bool flat_projection = false;
};

/// Appends one with torchvision's names: modules of the sequence `prefix`
/// ("features.1.conv") are numbered. Its input is added where it has the
/// output's shape.
void AddInvertedResidual(BackboneBuilder& builder, const std::string& prefix,
                         const InvertedResidual& block);

/// The nearest multiple of 8, at least 8, that is not below nine tenths (as all
/// MobileNets and EfficientNets round widths).
int RoundedChannels(double channels);

}  // namespace besom::stages
