#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "stages/model/head/head_kernels.h"
#include "stages/model/head/head_network.h"

namespace besom::stages {

/// How the rows of one batch are mixed: row r becomes share * row r + (1 -
/// share) * row partners[r].
struct Mixture {
  std::vector<std::size_t> partners;  ///< A permutation.
  double share = 1;                   ///< A float's value.
};

/// mixup (Zhang, Cisse, Dauphin and Lopez-Paz, ICLR 2018): one share a batch
/// from Beta(alpha, alpha), partners from a permutation of the batch. Drawn
/// from (train seed, repeat, fold, epoch, step). Beta by two gamma variates of
/// Marsaglia and Tsang (ACM TOMS 26, 2000). REQUIRES: alpha > 0.
///
/// What is mixed are the trainer's rows: behind a frozen base these are
/// features (or maps), the only thing that is there to mix; where the base were
/// linear this would be the mixing of pixels.
Mixture DrawMixture(double alpha, const FitKey& key, int epoch, int step,
                    std::size_t rows);

/// Memory for mixed rows. One thread at a time.
class RowMixer {
 public:
  /// The mixed rows, valid until the next call; `length` floats each.
  std::vector<const float*> Mix(std::span<const float* const> rows, int length,
                                const Mixture& mixture,
                                const HeadKernels& kernels);

 private:
  std::vector<float> mixed_;
};

}  // namespace besom::stages
