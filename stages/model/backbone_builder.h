#pragma once

#include "stages/model/backbone_catalog.h"

namespace besom::stages {

/// VGG16's convolutional base: Simonyan and Zisserman, arXiv 1409.1556,
/// table 1 column D; names as torchvision's `vgg16().features`.
/// Blocks: block1 ... block5, each with its max pooling.
Backbone DescribeVgg16();

/// EfficientNet-Lite0's base: the EfficientNet-B0 of Tan and Le (arXiv
/// 1905.11946, table 1) without squeeze-excitation, with ReLU6 and
/// TensorFlow's padding; names as timm's `tf_efficientnet_lite0`.
/// Blocks: stem, block1 ... block7, head.
Backbone DescribeEfficientNetLite0();

}  // namespace besom::stages
