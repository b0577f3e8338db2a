#include "stages/model/backbone_builder.h"

#include <fmt/format.h>

#include <utility>

namespace besom::stages {
namespace {

/// Appends layers, each reading the one before it unless told otherwise.
class LayerChain {
 public:
  explicit LayerChain(int channels) : channels_(channels) {}

  int last() const { return static_cast<int>(layers_.size()) - 1; }
  int channels() const { return channels_; }
  std::vector<Layer> Take() { return std::move(layers_); }

  /// Fills in input and channels of `layer` and appends it.
  void Add(Layer layer, int out_channels) {
    layer.inputs = {last()};  // -1 = kImage before the first layer.
    layer.in_channels = channels_;
    layer.out_channels = out_channels;
    channels_ = out_channels;
    layers_.push_back(std::move(layer));
  }
  void Add(Layer layer) { Add(std::move(layer), channels_); }

  /// Adds the output of layer `shortcut` to that of the last one.
  void AddShortcut(int shortcut) {
    Add({.kind = LayerKind::kAdd});
    layers_.back().inputs.push_back(shortcut);
  }

 private:
  int channels_;
  std::vector<Layer> layers_;
};

static_assert(Layer::kImage == -1, "LayerChain starts there");

/// A convolution without bias as TensorFlow pads it, its batch norm and,
/// where wanted, ReLU6.
class LiteConv {
 public:
  explicit LiteConv(LayerChain& chain) : chain_(chain) {}

  void Add(const std::string& conv, const std::string& norm, int out_channels,
           int kernel, int stride, bool depthwise, bool activation) {
    chain_.Add({.kind = LayerKind::kConv,
                .name = conv,
                .kernel = kernel,
                .stride = stride,
                .same_padding = true,
                .groups = depthwise ? chain_.channels() : 1},
               out_channels);
    // timm's BN_EPS_TF_DEFAULT, which the `tf_` models use.
    constexpr double kEpsilon = 1e-3;
    chain_.Add(
        {.kind = LayerKind::kBatchNorm, .name = norm, .epsilon = kEpsilon});
    if (activation) chain_.Add({.kind = LayerKind::kRelu6});
  }

 private:
  LayerChain& chain_;
};

/// One stage of EfficientNet's table: `repeats` inverted residual blocks.
struct LiteStage {
  int expansion, channels, repeats, kernel, stride;
};

constexpr LiteStage kLite0Stages[] = {
    {1, 16, 1, 3, 1},  {6, 24, 2, 3, 2},  {6, 40, 2, 5, 2}, {6, 80, 3, 3, 2},
    {6, 112, 3, 5, 1}, {6, 192, 4, 5, 2}, {6, 320, 1, 3, 1}};

void AddLiteBlock(LayerChain& chain, const std::string& prefix,
                  const LiteStage& stage, int stride) {
  LiteConv conv(chain);
  const int shortcut = chain.last();
  const int in_channels = chain.channels();
  if (stage.expansion == 1) {
    // Without expansion the block is a depthwise separable convolution.
    conv.Add(prefix + "conv_dw", prefix + "bn1", in_channels, stage.kernel,
             stride, true, true);
    conv.Add(prefix + "conv_pw", prefix + "bn2", stage.channels, 1, 1, false,
             false);
  } else {
    const int wide = in_channels * stage.expansion;
    conv.Add(prefix + "conv_pw", prefix + "bn1", wide, 1, 1, false, true);
    conv.Add(prefix + "conv_dw", prefix + "bn2", wide, stage.kernel, stride,
             true, true);
    conv.Add(prefix + "conv_pwl", prefix + "bn3", stage.channels, 1, 1, false,
             false);
  }
  if (stride == 1 && in_channels == stage.channels) chain.AddShortcut(shortcut);
}

}  // namespace

Backbone DescribeVgg16() {
  constexpr std::pair<int, int> kBlocks[] = {
      {64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}};
  Backbone backbone{.name = "vgg16",
                    .parameter_names = "torchvision",
                    .input_size = 224,
                    .preprocessing = Preprocessing::Torchvision()};
  LayerChain chain(3);
  for (const auto& [channels, convolutions] : kBlocks) {
    for (int i = 0; i < convolutions; ++i) {
      // torchvision counts ReLU and pooling in `features` as well.
      chain.Add({.kind = LayerKind::kConv,
                 .name = fmt::format("features.{}", chain.last() + 1),
                 .kernel = 3,
                 .padding = 1,
                 .bias = true},
                channels);
      chain.Add({.kind = LayerKind::kRelu});
    }
    chain.Add({.kind = LayerKind::kMaxPool, .kernel = 2, .stride = 2});
    backbone.blocks.push_back(
        {fmt::format("block{}", backbone.blocks.size() + 1), chain.last()});
  }
  backbone.layers = chain.Take();
  return backbone;
}

Backbone DescribeEfficientNetLite0() {
  Backbone backbone{.name = "efficientnet_lite0",
                    .parameter_names = "timm",
                    .input_size = 224,
                    .preprocessing = Preprocessing::PlusMinusOne()};
  LayerChain chain(3);
  LiteConv(chain).Add("conv_stem", "bn1", 32, 3, 2, false, true);
  backbone.blocks.push_back({"stem", chain.last()});
  int number = 0;
  for (const LiteStage& stage : kLite0Stages) {
    for (int i = 0; i < stage.repeats; ++i)
      AddLiteBlock(chain, fmt::format("blocks.{}.{}.", number, i), stage,
                   i == 0 ? stage.stride : 1);
    backbone.blocks.push_back({fmt::format("block{}", ++number), chain.last()});
  }
  LiteConv(chain).Add("conv_head", "bn2", 1280, 1, 1, false, true);
  backbone.blocks.push_back({"head", chain.last()});
  backbone.layers = chain.Take();
  // In bf16 throughout, features are 7 to 9 % off: the depthwise filters of the
  // first blocks take differences of large numbers.
  backbone.float32_until = "block4";
  return backbone;
}

}  // namespace besom::stages
