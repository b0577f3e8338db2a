#include "stages/model/backbone_builder.h"

#include <utility>

namespace besom::stages {

BackboneBuilder::BackboneBuilder(std::string name, std::string parameter_names,
                                 int input_size,
                                 const Preprocessing& preprocessing)
    : backbone_{.name = std::move(name),
                .parameter_names = std::move(parameter_names),
                .input_size = input_size,
                .preprocessing = preprocessing,
                .layers = {},
                .blocks = {}} {}

const Layer& BackboneBuilder::At(int layer) const {
  return backbone_.layers[static_cast<std::size_t>(layer)];
}

int BackboneBuilder::channels() const {
  return last_ == Layer::kImage ? 3 : At(last_).out_channels;
}

void BackboneBuilder::Add(Layer layer, int out_channels) {
  layer.inputs = {last_};
  layer.in_channels = channels();
  layer.out_channels = out_channels;
  last_ = static_cast<int>(backbone_.layers.size());
  backbone_.layers.push_back(std::move(layer));
}

void BackboneBuilder::Join(LayerKind kind, int other) {
  Add({.kind = kind});
  backbone_.layers.back().inputs.push_back(other);
}

void BackboneBuilder::Concat(std::vector<int> layers) {
  int out_channels = 0;
  for (const int layer : layers) out_channels += At(layer).out_channels;
  GoTo(layers.front());
  Add({.kind = LayerKind::kConcat}, out_channels);
  backbone_.layers.back().inputs = std::move(layers);
}

void BackboneBuilder::AddConvNorm(const std::string& conv,
                                  const std::string& norm,
                                  const ConvNorm& what) {
  Add({.kind = LayerKind::kConv,
       .name = conv,
       .kernel = what.kernel,
       .stride = what.stride,
       .padding = what.same_padding ? 0 : (what.kernel - 1) / 2,
       .same_padding = what.same_padding,
       .groups = what.depthwise ? channels() : 1},
      what.channels);
  Add({.kind = LayerKind::kBatchNorm,
       .name = norm,
       .epsilon = what.epsilon,
       .momentum = what.momentum});
  if (what.activation.has_value()) Add({.kind = *what.activation});
}

void BackboneBuilder::EndBlock(std::string name) {
  backbone_.blocks.push_back({std::move(name), last_, last_});
}

void BackboneBuilder::EndTokenBlock(std::string name) {
  const int tokens = last_;
  Add({.kind = LayerKind::kPatchTokens});
  backbone_.blocks.push_back({std::move(name), tokens, last_});
  GoTo(tokens);
}

}  // namespace besom::stages
