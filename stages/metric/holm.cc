#include "stages/metric/holm.h"

#include <algorithm>
#include <cstddef>

#include "pipeline/base/check.h"

namespace besom::stages {

std::vector<std::optional<double>> HolmAdjusted(
    std::span<const std::optional<double>> p_values) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p_values.size(); ++i) {
    if (!p_values[i]) continue;
    BESOM_CHECK(*p_values[i] >= 0 && *p_values[i] <= 1, "a p value");
    order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) {
                     return *p_values[a] < *p_values[b];
                   });
  std::vector<std::optional<double>> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    largest = std::max(largest, left * *p_values[order[i]]);
    adjusted[order[i]] = std::min(1.0, largest);
  }
  return adjusted;
}

}  // namespace besom::stages
