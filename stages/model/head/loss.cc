#include "stages/model/head/loss.h"

#include <algorithm>
#include <cmath>

#include "stages/metric/metrics.h"

namespace besom::stages {

Targets Targets::Rows(std::size_t first, std::size_t count) const {
  return {labels.subspan(first, count)};
}

double TotalWeight(const Targets& targets, const LossSettings& settings) {
  double total = 0;
  for (const int label : targets.labels)
    total += settings.class_weights[static_cast<std::size_t>(label)];
  return total;
}

double BatchLoss(std::span<const float> logits, const Targets& targets,
                 int padded, const LossSettings& settings, double total_weight,
                 std::span<float> deltas) {
  const std::size_t classes = settings.class_weights.size();
  const std::vector<double>& weights = settings.class_weights;
  const double smooth = settings.label_smoothing / static_cast<double>(classes);
  double all_weights = 0, loss = 0;
  for (const double weight : weights) all_weights += weight;
  std::fill(deltas.begin(), deltas.end(), 0.0F);
  // A batch of classes of weight 0 teaches nothing (PyTorch would say NaN).
  if (total_weight == 0) return 0;
  for (std::size_t r = 0; r < targets.labels.size(); ++r) {
    const auto label = static_cast<std::size_t>(targets.labels[r]);
    const std::vector<double> log_p = LogSoftmax(
        logits.subspan(r * static_cast<std::size_t>(padded), classes));
    const double hard =
        (1 - settings.label_smoothing) * weights[label] / total_weight;
    loss -= hard * log_p[label];
    const double mass = hard + smooth * all_weights / total_weight;
    for (std::size_t c = 0; c < classes; ++c) {
      const double soft = smooth * weights[c] / total_weight;
      loss -= soft * log_p[c];
      deltas[r * static_cast<std::size_t>(padded) + c] = static_cast<float>(
          mass * std::exp(log_p[c]) - (c == label ? hard : 0.0) - soft);
    }
  }
  return loss;
}

}  // namespace besom::stages
