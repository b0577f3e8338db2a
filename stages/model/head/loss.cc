#include "stages/model/head/loss.h"

#include <algorithm>
#include <cmath>

#include "stages/metric/metrics.h"

namespace besom::stages {
namespace {

/// (1 - p)^gamma (-log p), and its derivative by log p.
struct ClassTerm {
  double value = 0, slope = 0;
};

ClassTerm TermOf(double log_p, double gamma) {
  if (gamma == 0) return {-log_p, -1};
  // Exact also where p is close to 1.
  const double rest = std::max(0.0, -std::expm1(log_p));
  const double power = std::pow(rest, gamma);
  const double ratio = rest > 0 ? log_p / rest : -1;  // Its limit.
  return {-power * log_p, power * (gamma * std::exp(log_p) * ratio - 1)};
}

/// What a class counts for a row: its weight times its share of the target.
class ClassShares {
 public:
  ClassShares(const LossSettings& settings, double total_weight)
      : settings_(settings),
        hard_((1 - settings.label_smoothing) / total_weight),
        soft_(settings.label_smoothing /
              static_cast<double>(settings.class_weights.size()) /
              total_weight),
        shares_(settings.class_weights.size()) {}

  const std::vector<double>& Of(const Targets& targets, std::size_t row) {
    const std::vector<double>& weights = settings_.class_weights;
    for (std::size_t c = 0; c < shares_.size(); ++c)
      shares_[c] = weights[c] * soft_;
    const auto label = static_cast<std::size_t>(targets.labels[row]);
    if (targets.others.empty()) {
      shares_[label] += weights[label] * hard_;
      return shares_;
    }
    const auto other = static_cast<std::size_t>(targets.others[row]);
    shares_[label] += weights[label] * hard_ * targets.share;
    shares_[other] += weights[other] * hard_ * (1 - targets.share);
    return shares_;
  }

 private:
  const LossSettings& settings_;
  const double hard_, soft_;
  std::vector<double> shares_;
};

}  // namespace

Targets Targets::Rows(std::size_t first, std::size_t count) const {
  return {labels.subspan(first, count),
          others.empty() ? others : others.subspan(first, count), share};
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
  std::fill(deltas.begin(), deltas.end(), 0.0F);
  // A batch of classes of weight 0 teaches nothing (PyTorch would say NaN).
  if (total_weight == 0) return 0;
  ClassShares shares(settings, total_weight);
  std::vector<double> slopes(classes);
  double loss = 0;
  for (std::size_t r = 0; r < targets.labels.size(); ++r) {
    const std::size_t row = r * static_cast<std::size_t>(padded);
    const std::vector<double> log_p = LogSoftmax(logits.subspan(row, classes));
    const std::vector<double>& share = shares.Of(targets, r);
    double mass = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      const ClassTerm term = TermOf(log_p[c], settings.focal_gamma);
      loss += share[c] * term.value;
      slopes[c] = share[c] * term.slope;
      mass += slopes[c];
    }
    for (std::size_t c = 0; c < classes; ++c)
      deltas[row + c] =
          static_cast<float>(slopes[c] - mass * std::exp(log_p[c]));
  }
  return loss;
}

}  // namespace besom::stages
