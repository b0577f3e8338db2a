#include "stages/model/head/head_network.h"

#include <algorithm>
#include <cmath>

#include "pipeline/base/check.h"
#include "pipeline/base/random.h"
#include "stages/metric/metrics.h"

namespace besom::stages {
namespace {

std::vector<const float*> RowsOf(const std::vector<float>& matrix, int count,
                                 int padded) {
  std::vector<const float*> rows(count);
  for (int r = 0; r < count; ++r)
    rows[r] = matrix.data() + static_cast<std::size_t>(r) * padded;
  return rows;
}

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

/// ReLU, then the mask where there is one.
void Activate(std::vector<float>& values, const std::vector<float>* mask) {
  BESOM_CHECK(mask == nullptr || mask->size() >= values.size(),
              "the mask is too small");
  // Written so that NaN stays NaN and is noticed.
  for (float& value : values) value = value < 0 ? 0.0F : value;
  if (mask == nullptr) return;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= (*mask)[i];
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
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowsAtOnce) {
    const std::size_t n = std::min(kRowsAtOnce, rows.size() - begin);
    const int count = static_cast<int>(n);
    std::vector<const float*> inputs(rows.begin() + begin,
                                     rows.begin() + begin + n);
    std::vector<float> values, next;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const HeadLayer& layer = layers[l];
      next.resize(n * layer.padded());
      kernels.product(inputs.data(), count, layer.inputs, layer.weights.data(),
                      layer.bias.data(), layer.padded(), next.data());
      if (l + 1 < layers.size()) Activate(next, nullptr);
      values.swap(next);
      inputs = RowsOf(values, count, layer.padded());
    }
    for (const float* row : inputs)
      logits.insert(logits.end(), row, row + classes);
  }
  return logits;
}

double CrossEntropy(std::span<const float> logits, std::span<const int> labels,
                    int padded, const LossSettings& settings,
                    std::span<float> deltas) {
  const std::size_t classes = settings.class_weights.size();
  const std::vector<double>& weights = settings.class_weights;
  const double smooth = settings.label_smoothing / static_cast<double>(classes);
  double all_weights = 0, total_weight = 0, loss = 0;
  for (const double weight : weights) all_weights += weight;
  for (const int label : labels) total_weight += weights[label];
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

HeadTraining::HeadTraining(HeadWeights layers, const TrainSettings& settings,
                           const HeadKernels& kernels)
    : layers_(std::move(layers)), settings_(settings), kernels_(kernels) {
  for (const HeadLayer& layer : layers_)
    first_.push_back(EmptyLayer(layer.inputs, layer.outputs));
  second_ = first_;
  outputs_.resize(layers_.size());
}

double HeadTraining::Step(std::span<const float* const> rows,
                          std::span<const int> labels, const LossSettings& loss,
                          const std::vector<std::vector<float>>& masks) {
  BESOM_CHECK(rows.size() == labels.size() && !rows.empty(),
              "one label per row");
  BESOM_CHECK(masks.empty() || masks.size() + 1 == layers_.size(),
              "one mask per hidden layer");
  Forward(rows, masks);
  deltas_.resize(outputs_.back().size());
  const double value = CrossEntropy(outputs_.back(), labels,
                                    layers_.back().padded(), loss, deltas_);
  if (std::isfinite(value)) Backward(rows, masks);
  return value;
}

void HeadTraining::Forward(std::span<const float* const> rows,
                           const std::vector<std::vector<float>>& masks) {
  const int count = static_cast<int>(rows.size());
  std::vector<const float*> inputs(rows.begin(), rows.end());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const HeadLayer& layer = layers_[l];
    outputs_[l].resize(rows.size() * layer.padded());
    kernels_.product(inputs.data(), count, layer.inputs, layer.weights.data(),
                     layer.bias.data(), layer.padded(), outputs_[l].data());
    if (l + 1 == layers_.size()) break;
    Activate(outputs_[l], masks.empty() ? nullptr : &masks[l]);
    inputs = RowsOf(outputs_[l], count, layer.padded());
  }
}

void HeadTraining::Backward(std::span<const float* const> rows,
                            const std::vector<std::vector<float>>& masks) {
  const int count = static_cast<int>(rows.size());
  const OptimizerStep step = NextStep();
  const std::vector<float> ones(1, 1.0F);
  const std::vector<const float*> one(rows.size(), ones.data());
  for (std::size_t l = layers_.size(); l-- > 0;) {
    HeadLayer& layer = layers_[l];
    std::vector<float> below;
    if (l > 0) {
      // Before the update: the gradient belongs to the weights of this step.
      below = InputDeltas(l, count);
      const std::vector<float>& value = outputs_[l - 1];
      for (std::size_t i = 0; i < below.size(); ++i) {
        const float slope = masks.empty() ? 1.0F : masks[l - 1][i];
        below[i] = value[i] > 0 ? below[i] * slope : 0.0F;
      }
    }
    const std::vector<const float*> inputs =
        l > 0 ? RowsOf(outputs_[l - 1], count, layers_[l - 1].padded())
              : std::vector<const float*>(rows.begin(), rows.end());
    kernels_.update(inputs.data(), count, layer.inputs, deltas_.data(),
                    layer.padded(), step, layer.weights.data(),
                    first_[l].weights.data(), second_[l].weights.data());
    // A bias is the weight of an input that is always 1.
    kernels_.update(one.data(), count, 1, deltas_.data(), layer.padded(), step,
                    layer.bias.data(), first_[l].bias.data(),
                    second_[l].bias.data());
    deltas_.swap(below);
  }
}

std::vector<float> HeadTraining::InputDeltas(std::size_t index,
                                             int count) const {
  const HeadLayer& layer = layers_[index];
  const int padded = PaddedWidth(layer.inputs);
  std::vector<float> turned(static_cast<std::size_t>(layer.outputs) * padded);
  for (int i = 0; i < layer.inputs; ++i)
    for (int o = 0; o < layer.outputs; ++o)
      turned[static_cast<std::size_t>(o) * padded + i] =
          layer.weights[static_cast<std::size_t>(i) * layer.padded() + o];
  const std::vector<float> nothing(padded, 0.0F);
  std::vector<float> result(static_cast<std::size_t>(count) * padded);
  const std::vector<const float*> rows = RowsOf(deltas_, count, layer.padded());
  kernels_.product(rows.data(), count, layer.outputs, turned.data(),
                   nothing.data(), padded, result.data());
  return result;
}

OptimizerStep HeadTraining::NextStep() {
  // Constants of Adam: Kingma and Ba 2015, and torch.optim's defaults.
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999;
  const auto t = static_cast<double>(++steps_);
  OptimizerStep step;
  step.kind = settings_.optimizer;
  step.learning_rate = static_cast<float>(settings_.learning_rate);
  step.weight_decay = static_cast<float>(settings_.weight_decay);
  step.step_size =
      static_cast<float>(settings_.learning_rate / (1 - std::pow(kBeta1, t)));
  step.root_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(kBeta2, t)));
  step.momentum = static_cast<float>(settings_.momentum);
  return step;
}

}  // namespace besom::stages
