#include "stages/metric/paired_tests.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "pipeline/base/check.h"
#include "pipeline/base/random.h"
#include "stages/metric/distributions.h"

namespace besom::stages {
namespace {

/// Counts swaps that are as extreme as the real order.
class Tally {
 public:
  explicit Tally(double real)
      // Sums in another order differ in their last digits.
      : least_(std::fabs(real) - kSlack * std::max(1.0, std::fabs(real))) {}

  void Add(std::optional<double> difference) {
    if (!difference) return;
    ++swaps_;
    extreme_ += std::fabs(*difference) >= least_;
  }
  double extreme() const { return extreme_; }
  double swaps() const { return swaps_; }

 private:
  static constexpr double kSlack = 1e-12;
  double least_, extreme_ = 0, swaps_ = 0;
};

}  // namespace

PairedTest SignFlipTest(std::span<const std::uint8_t> differs,
                        const SwappedDifference& difference,
                        const PairedTestOptions& options) {
  std::vector<std::size_t> active;
  for (std::size_t g = 0; g < differs.size(); ++g)
    if (differs[g] != 0) active.push_back(g);
  const bool exact = active.size() <= kExactGroups;
  std::vector<std::uint8_t> swapped(differs.size(), 0);
  PairedTest test{difference(swapped), std::nullopt,
                  exact ? "sign_flip_exact" : "sign_flip"};
  if (active.empty() || !test.difference) return test;
  Tally tally(*test.difference);
  if (exact) {
    // The real order is one of them, so the share is never 0.
    for (std::uint32_t bits = 0; bits < 1U << active.size(); ++bits) {
      for (std::size_t i = 0; i < active.size(); ++i)
        swapped[active[i]] = bits >> i & 1U;
      tally.Add(difference(swapped));
    }
    test.p = tally.extreme() / tally.swaps();
    return test;
  }
  BESOM_CHECK(options.draws > 0, "a Monte Carlo test draws");
  for (int d = 0; d < options.draws; ++d) {
    KeyedRandom random(options.seed, "sign flip",
                       {static_cast<std::uint64_t>(d)});
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < active.size(); ++i) {
      if (i % 32 == 0) bits = random.Next32();
      swapped[active[i]] = bits >> i % 32 & 1U;
    }
    tally.Add(difference(swapped));
  }
  test.p = (tally.extreme() + 1) / (tally.swaps() + 1);
  return test;
}

PairedTest SignFlipTest(std::span<const double> parts,
                        const PairedTestOptions& options) {
  std::vector<std::uint8_t> differs(parts.size());
  double scale = 0;
  for (std::size_t g = 0; g < parts.size(); ++g) {
    differs[g] = parts[g] != 0;
    scale += std::fabs(parts[g]);
  }
  const auto sum = [&](std::span<const std::uint8_t> swapped) {
    double total = 0;
    for (std::size_t g = 0; g < parts.size(); ++g)
      total += swapped[g] != 0 ? -parts[g] : parts[g];
    return std::optional<double>(scale > 0 ? total / scale : 0);
  };
  PairedTest test = SignFlipTest(differs, sum, options);
  test.difference = *test.difference * scale;
  return test;
}

PairedTest McNemarTest(std::int64_t a_only, std::int64_t b_only,
                       std::int64_t images) {
  BESOM_CHECK(a_only >= 0 && b_only >= 0 && a_only + b_only <= images,
              "counts of images");
  PairedTest test{std::nullopt, std::nullopt, "mcnemar_exact"};
  if (images == 0) return test;
  test.difference =
      static_cast<double>(a_only - b_only) / static_cast<double>(images);
  if (a_only + b_only > 0)
    test.p = BinomialHalfTwoSided(a_only, a_only + b_only);
  return test;
}

}  // namespace besom::stages
