#include "stages/model/bf16_rounding.h"

#include <bit>
#include <cstdint>
#include <vector>

namespace besom::stages {
namespace {

/// Expected input of each input channel; empty where not known.
std::vector<double> InputMean(const FoldedNetwork& network,
                              const FoldedLayer& folded) {
  const int source = folded.layer.inputs.front();
  if (source == Layer::kImage) return {};
  return network.layers[static_cast<std::size_t>(source)].mean;
}

void Round(FoldedLayer& folded, const std::vector<double>& mean) {
  const Layer& layer = folded.layer;
  const auto area = static_cast<std::size_t>(layer.kernel) * layer.kernel;
  const auto inputs =
      static_cast<std::size_t>(layer.in_channels / layer.groups);
  const auto outputs_of_group =
      static_cast<std::size_t>(layer.out_channels / layer.groups);
  std::size_t at = 0;
  for (std::size_t out = 0; out < folded.bias.size(); ++out) {
    const std::size_t first = out / outputs_of_group * inputs;
    double shift = 0;
    for (std::size_t in = 0; in < inputs; ++in)
      for (std::size_t i = 0; i < area; ++i, ++at) {
        float& weight = folded.weight[at];
        const float rounded = ToBf16(weight);
        if (!mean.empty())
          shift += (double{rounded} - double{weight}) * mean[first + in];
        weight = rounded;
      }
    folded.bias[out] = static_cast<float>(folded.bias[out] - shift);
  }
}

}  // namespace

float ToBf16(float number) {
  auto bits = std::bit_cast<std::uint32_t>(number);
  bits += 0x7FFF + ((bits >> 16) & 1);
  return std::bit_cast<float>(bits & 0xFFFF0000);
}

void RoundToBf16(FoldedNetwork& network, std::size_t first) {
  for (std::size_t i = first; i < network.layers.size(); ++i) {
    FoldedLayer& folded = network.layers[i];
    if (folded.layer.kind == LayerKind::kConv)
      Round(folded, InputMean(network, folded));
  }
}

}  // namespace besom::stages
