#pragma once

#include <optional>
#include <span>
#include <vector>

namespace besom::stages {

/// p values adjusted for how many there are, in the order given (Holm, Scand.
/// J. Statist. 6:65, 1979): the i-th smallest of m becomes the largest of
/// (m - j + 1) p_j over j <= i, at most 1. Those without value keep none and
/// are not counted. REQUIRES: each in [0, 1]. Any thread.
std::vector<std::optional<double>> HolmAdjusted(
    std::span<const std::optional<double>> p_values);

}  // namespace besom::stages
