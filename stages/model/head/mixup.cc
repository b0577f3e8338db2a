#include "stages/model/head/mixup.h"

#include <cmath>
#include <numeric>

#include "pipeline/base/check.h"
#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

// Never 0, so that it has a logarithm.
double UniformAbove0(KeyedRandom& random) { return 1 - random.Uniform(); }

// The logarithm of a Gamma(shape, 1) variate; that of a small shape may be too
// small for a double itself.
double LogGammaVariate(double shape, KeyedRandom& random) {
  if (shape < 1)
    return LogGammaVariate(shape + 1, random) +
           std::log(UniformAbove0(random)) / shape;
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = random.Normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double log_u = std::log(UniformAbove0(random));
    if (log_u < 0.5 * x * x + d - d * v + d * std::log(v))
      return std::log(d * v);
  }
}

}  // namespace

Mixture DrawMixture(double alpha, const FitKey& key, int epoch, int step,
                    std::size_t rows) {
  BESOM_CHECK(alpha > 0, "no mixing was asked for");
  KeyedRandom random(
      key.train_seed, "mixup",
      {static_cast<std::uint64_t>(key.repeat),
       static_cast<std::uint64_t>(key.fold), static_cast<std::uint64_t>(epoch),
       static_cast<std::uint64_t>(step)});
  const double a = LogGammaVariate(alpha, random);
  const double b = LogGammaVariate(alpha, random);
  Mixture mixture;
  mixture.share = static_cast<float>(1 / (1 + std::exp(b - a)));
  mixture.partners.resize(rows);
  std::iota(mixture.partners.begin(), mixture.partners.end(), std::size_t{0});
  random.Shuffle(mixture.partners);
  return mixture;
}

std::vector<const float*> RowMixer::Mix(std::span<const float* const> rows,
                                        int length, const Mixture& mixture,
                                        const HeadKernels& kernels) {
  BESOM_CHECK(rows.size() == mixture.partners.size(), "one partner per row");
  const auto floats = static_cast<std::size_t>(length);
  mixed_.resize(rows.size() * floats);
  const auto other = static_cast<float>(1 - mixture.share);
  std::vector<const float*> mixed;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    float* row = mixed_.data() + r * floats;
    kernels.blend(rows[r], rows[mixture.partners[r]], other, length, row);
    mixed.push_back(row);
  }
  return mixed;
}

}  // namespace besom::stages
