#pragma once

#include <array>
#include <string>

#include "stages/model/backbone_catalog.h"

namespace besom::stages {

// The convolutional bases (of ViT: the encoder) by family, without dropout and
// stochastic depth, which are the identity here also while a base is trained.

/// Simonyan and Zisserman, arXiv 1409.1556, table 1: `convolutions` of each of
/// the five blocks, each followed by a batch norm where `norm`. Names as
/// torchvision's `vgg*().features`. Blocks: block1 ... block5, each with its
/// max pooling.
Backbone DescribeVgg(const std::string& name,
                     const std::array<int, 5>& convolutions, bool norm);

/// He and others, arXiv 1512.03385, table 1: units of each of the four layers,
/// bottlenecks (stride in their 3x3 convolution, as torchvision has it) or
/// pairs of 3x3 convolutions. Blocks: stem, layer1 ... layer4.
Backbone DescribeResNet(const std::string& name,
                        const std::array<int, 4>& units, bool bottleneck);

/// DenseNet-BC with growth 32 and compression 1/2: Huang and others, arXiv
/// 1608.06993, table 1: `layers` of each dense block. Blocks: stem, denseblock1
/// ... denseblock4; the first three end after the transition that follows them
/// (as a VGG's block ends after its pooling), the last after norm5 and the ReLU
/// that torchvision's forward() has there.
Backbone DescribeDenseNet(const std::string& name,
                          const std::array<int, 4>& layers);

/// Sandler and others, arXiv 1801.04381, table 2. Blocks: stem, block1 ...
/// block7 (the rows of the table), head.
Backbone DescribeMobileNetV2();

/// Howard and others, arXiv 1905.02244, table 1. Blocks: stem, block1 ...
/// block6 (the rows of the table with as many outputs), head; the layers after
/// the pooling belong to the classifier.
Backbone DescribeMobileNetV3Large();

/// Tan and Le, arXiv 1905.11946, table 1. Blocks: stem, block1 ... block7,
/// head.
Backbone DescribeEfficientNetB0();

/// EfficientNet-Lite: Tan and Le's EfficientNet (arXiv 1905.11946, table 1)
/// without squeeze-excitation, with ReLU6 and TensorFlow's padding; `width`
/// times as wide but for stem and head, `depth` times as deep but for the first
/// and last stage. Names as timm's `tf_efficientnet_lite*`. Blocks: stem,
/// block1 ... block7, head.
Backbone DescribeEfficientNetLite(const std::string& name, double width,
                                  double depth, int input_size);

/// Liu and others, arXiv 2201.03545, table 9. Blocks: stem, block1 ... block4
/// (from the second on with the downsampling before it), head: the mean over
/// the map and the layer norm that torchvision counts to its classifier, so
/// that the full base gives what torchvision's last linear layer reads, as a
/// 1x1 map.
Backbone DescribeConvNext(const std::string& name,
                          const std::array<int, 4>& units,
                          const std::array<int, 4>& channels);

/// The vision transformer of Dosovitskiy and others, arXiv 2010.11929, table 1,
/// for images of 224 x 224 pixels. Blocks: stem (patches, class token and
/// positions), block1 ..., head: the class token after the last norm, which is
/// what torchvision's last linear layer reads, as a 1x1 map. Cut off after any
/// other block it gives the map of the patches' tokens without the class token
/// and the last norm.
Backbone DescribeVit(const std::string& name, int patch, int blocks,
                     int channels, int heads);

}  // namespace besom::stages
