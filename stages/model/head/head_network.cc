#include "stages/model/head/head_network.h"

#include <algorithm>
#include <cmath>

#include "pipeline/base/random.h"
#include "stages/metric/metrics.h"
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

double TotalWeight(std::span<const int> labels, const LossSettings& settings) {
  double total = 0;
  for (const int label : labels) total += settings.class_weights[label];
  return total;
}

double CrossEntropy(std::span<const float> logits, std::span<const int> labels,
                    int padded, const LossSettings& settings,
                    double total_weight, std::span<float> deltas) {
  const std::size_t classes = settings.class_weights.size();
  const std::vector<double>& weights = settings.class_weights;
  const double smooth = settings.label_smoothing / static_cast<double>(classes);
  double all_weights = 0, loss = 0;
  for (const double weight : weights) all_weights += weight;
  std::fill(deltas.begin(), deltas.end(), 0.0F);
  // A batch of classes of weight 0 teaches nothing (PyTorch would say NaN).
  if (total_weight == 0) return 0;
  for (std::size_t r = 0; r < labels.size(); ++r) {
    const std::vector<double> log_p =
        LogSoftmax(logits.subspan(r * padded, classes));
    const double hard =
        (1 - settings.label_smoothing) * weights[labels[r]] / total_weight;
    loss -= hard * log_p[labels[r]];
    const double mass = hard + smooth * all_weights / total_weight;
    for (std::size_t c = 0; c < classes; ++c) {
      const double soft = smooth * weights[c] / total_weight;
      loss -= soft * log_p[c];
      const bool right = static_cast<int>(c) == labels[r];
      deltas[r * padded + c] = static_cast<float>(mass * std::exp(log_p[c]) -
                                                  (right ? hard : 0.0) - soft);
    }
  }
  return loss;
}

HeadWeights EmptyLike(const HeadWeights& layers) {
  HeadWeights empty;
  for (const HeadLayer& layer : layers)
    empty.push_back(EmptyLayer(layer.inputs, layer.outputs));
  return empty;
}

OptimizerStep StepScalars(const TrainSettings& settings, std::int64_t number) {
  // Constants of Adam: Kingma and Ba 2015, and torch.optim's defaults.
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999;
  const auto t = static_cast<double>(number);
  OptimizerStep step;
  step.kind = settings.optimizer;
  step.learning_rate = static_cast<float>(settings.learning_rate);
  step.weight_decay = static_cast<float>(settings.weight_decay);
  step.step_size =
      static_cast<float>(settings.learning_rate / (1 - std::pow(kBeta1, t)));
  step.root_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(kBeta2, t)));
  step.momentum = static_cast<float>(settings.momentum);
  return step;
}

}  // namespace besom::stages
