#include "stages/model/head/head_network.h"

#include <algorithm>
#include <cmath>

#include "pipeline/base/random.h"
#include "stages/model/head/head_pass.h"

namespace besom::stages {
namespace {

HeadLayer EmptyLayer(int inputs, int outputs) {
  HeadLayer layer{inputs, outputs, {}, {}};
  layer.weights.assign(static_cast<std::size_t>(inputs) * layer.padded(), 0);
  layer.bias.assign(layer.padded(), 0);
  return layer;
}

HeadLayer DrawLayer(int inputs, int outputs, HeadInit init,
                    KeyedRandom random) {
  HeadLayer layer = EmptyLayer(inputs, outputs);
  const bool torch = init == HeadInit::kTorch;
  const double bound =
      torch ? 1.0 / std::sqrt(inputs) : std::sqrt(6.0 / (inputs + outputs));
  for (int o = 0; o < outputs; ++o)
    for (int i = 0; i < inputs; ++i)
      layer.weights[static_cast<std::size_t>(i) * layer.padded() + o] =
          static_cast<float>(random.Uniform(-bound, bound));
  if (torch)
    for (int o = 0; o < outputs; ++o)
      layer.bias[o] = static_cast<float>(random.Uniform(-bound, bound));
  return layer;
}

}  // namespace

std::vector<float> TorchWeights(const HeadLayer& layer) {
  std::vector<float> rows;
  rows.reserve(static_cast<std::size_t>(layer.inputs) * layer.outputs);
  for (int o = 0; o < layer.outputs; ++o)
    for (int i = 0; i < layer.inputs; ++i)
      rows.push_back(
          layer.weights[static_cast<std::size_t>(i) * layer.padded() + o]);
  return rows;
}

HeadWeights InitialWeights(int inputs, const std::vector<int>& hidden,
                           int classes, HeadInit init, const FitKey& key) {
  HeadWeights layers;
  std::vector<int> widths = hidden;
  widths.push_back(classes);
  for (std::size_t l = 0; l < widths.size(); ++l) {
    KeyedRandom random(key.train_seed, "head_init",
                       {l, static_cast<std::uint64_t>(key.repeat),
                        static_cast<std::uint64_t>(key.fold)});
    layers.push_back(DrawLayer(inputs, widths[l], init, random));
    inputs = widths[l];
  }
  return layers;
}

std::vector<float> HeadLogits(const HeadWeights& layers,
                              std::span<const float* const> rows,
                              const HeadKernels& kernels) {
  constexpr std::size_t kRowsAtOnce = 64;
  const int classes = layers.back().outputs;
  std::vector<float> logits;
  logits.reserve(rows.size() * classes);
  HeadPass pass;
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowsAtOnce) {
    const std::size_t n = std::min(kRowsAtOnce, rows.size() - begin);
    pass.Forward(layers, rows.subspan(begin, n), {}, kernels);
    for (std::size_t r = 0; r < n; ++r) {
      const auto row = pass.logits().subspan(r * layers.back().padded());
      logits.insert(logits.end(), row.begin(), row.begin() + classes);
    }
  }
  return logits;
}

HeadWeights EmptyLike(const HeadWeights& layers) {
  HeadWeights empty;
  for (const HeadLayer& layer : layers)
    empty.push_back(EmptyLayer(layer.inputs, layer.outputs));
  return empty;
}

}  // namespace besom::stages
