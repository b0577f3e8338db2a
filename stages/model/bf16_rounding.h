#pragma once

#include "stages/model/folded_network.h"

namespace besom::stages {

/// The nearest number that bf16 holds; ties to even. REQUIRES: finite.
float ToBf16(float number);

/// Rounds the convolutions' weights from layer `first` on to bf16. Where the
/// input's mean is known the bias makes up for what rounding does to the
/// output's mean: filters that take differences of large numbers would
/// otherwise be off by far more than bf16's precision. After the bias
/// correction of Nagel and others, arXiv 1906.04721, section 4.2.
void RoundToBf16(FoldedNetwork& network, std::size_t first);

}  // namespace besom::stages
