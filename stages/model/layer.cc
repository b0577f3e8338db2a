#include "stages/model/layer.h"

namespace besom::stages {

std::vector<Parameter> ParametersOf(const Layer& layer) {
  const std::string prefix =
      layer.name.ends_with('_') ? layer.name : layer.name + ".";
  const std::vector<std::int64_t> channels = {layer.out_channels};
  switch (layer.kind) {
    case LayerKind::kConv: {
      std::vector<Parameter> parameters = {
          {prefix + "weight",
           {layer.out_channels, layer.in_channels / layer.groups, layer.kernel,
            layer.kernel}}};
      if (layer.bias) parameters.push_back({prefix + "bias", channels});
      return parameters;
    }
    case LayerKind::kLinear:
      return {{prefix + "weight", {layer.out_channels, layer.in_channels}},
              {prefix + "bias", channels}};
    case LayerKind::kBatchNorm:
      return {{prefix + "weight", channels},
              {prefix + "bias", channels},
              {prefix + "running_mean", channels},
              {prefix + "running_var", channels}};
    case LayerKind::kLayerNorm:
      return {{prefix + "weight", channels}, {prefix + "bias", channels}};
    case LayerKind::kScale:
      return {{layer.name, {layer.out_channels, 1, 1}}};
    case LayerKind::kPrependToken:
      return {{layer.name, {1, 1, layer.out_channels}}};
    case LayerKind::kPositions:
      return {{layer.name, {1, layer.tokens, layer.out_channels}}};
    default:
      return {};
  }
}

bool IsActivation(LayerKind kind) {
  switch (kind) {
    case LayerKind::kRelu:
    case LayerKind::kRelu6:
    case LayerKind::kSigmoid:
    case LayerKind::kHardSigmoid:
    case LayerKind::kHardSwish:
    case LayerKind::kSilu:
    case LayerKind::kGelu:
      return true;
    default:
      return false;
  }
}

}  // namespace besom::stages
