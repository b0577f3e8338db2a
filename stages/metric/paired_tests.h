#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace besom::stages {

struct PairedTestOptions {
  int draws = 9999;  ///< Of the Monte Carlo test.
  std::uint64_t seed = 0;
};

/// A test of no difference between two trials on the same images.
struct PairedTest {
  std::optional<double> difference;  ///< a minus b.
  std::optional<double> p;           ///< Two-sided; none = not estimable.
  std::string method;
};

/// Figure of a minus figure of b after their answers were swapped in each
/// group g with swapped[g] != 0; none where that does not define it.
using SwappedDifference =
    std::function<std::optional<double>(std::span<const std::uint8_t> swapped)>;

/// Groups that differ up to which all 2^k swaps are tried.
inline constexpr int kExactGroups = 14;

/// Permutation test whose unit is the group: if a and b were alike, swapping
/// their answers in any group would be as likely (sign-flip test: Fisher, The
/// Design of Experiments, 1935, section 21). differs[g] != 0: a and b answer
/// differently somewhere in group g; other groups are never swapped. p is the
/// share of swaps whose difference is at least as large as the real one, of
/// both signs: of all 2^k swaps with k <= kExactGroups ("sign_flip_exact"),
/// else (b + 1) / (m + 1) over m seeded draws (Phipson and Smyth, Stat. Appl.
/// Genet. Mol. Biol. 9:39, 2010; "sign_flip"). Swaps without a difference are
/// left out of both counts; figures are of the order of 1, and differences
/// within 1e-12 are equal. No group differs, or no real difference: no p.
/// Pure if `difference` is.
PairedTest SignFlipTest(std::span<const std::uint8_t> differs,
                        const SwappedDifference& difference,
                        const PairedTestOptions& options);

/// The same for a difference that is a sum over groups, such as of accuracy:
/// `parts` are each group's share of it.
PairedTest SignFlipTest(std::span<const double> parts,
                        const PairedTestOptions& options);

/// Exact test of independent images (McNemar, Psychometrika 12:153, 1947, with
/// the binomial instead of chi squared): a_only images are right in a alone,
/// b_only in b alone, of `images`. Difference of accuracy; method
/// "mcnemar_exact". No such image at all: no p. REQUIRES: counts >= 0.
PairedTest McNemarTest(std::int64_t a_only, std::int64_t b_only,
                       std::int64_t images);

}  // namespace besom::stages
