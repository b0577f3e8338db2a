#include "stages/metric/proportion_interval.h"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

#include "pipeline/base/check.h"
#include "stages/metric/distributions.h"

namespace besom::stages {
namespace {

struct Totals {
  std::int64_t hits = 0, images = 0, groups = 0, largest = 0;
  double squares = 0;  ///< Sum of the squared sizes.

  double proportion() const {
    return static_cast<double>(hits) / static_cast<double>(images);
  }
  bool is_extreme() const { return hits == 0 || hits == images; }
};

Totals TotalsOf(std::span<const GroupCount> groups) {
  Totals total;
  for (const GroupCount& group : groups) {
    BESOM_CHECK(group.hits >= 0 && group.hits <= group.size, "hits of size");
    total.hits += group.hits;
    total.images += group.size;
    total.groups += group.size > 0;
    total.largest = std::max(total.largest, group.size);
    const auto size = static_cast<double>(group.size);
    total.squares += size * size;
  }
  return total;
}

/// Where f, of different signs at low and high, is 0. Deterministic.
template <typename F>
double Root(const F& f, double low, double high, double at_low,
            double at_high) {
  constexpr int kBits = 40;
  std::uintmax_t steps = 200;
  const auto [a, b] = boost::math::tools::toms748_solve(
      f, low, high, at_low, at_high,
      boost::math::tools::eps_tolerance<double>(kBits), steps);
  return (a + b) / 2;
}

/// The beta-binomial likelihood of groups as a function of its correlation.
/// It depends on the groups through three tails only: how many hold more than
/// k hits, misses, images.
class BetaBinomial {
 public:
  explicit BetaBinomial(std::span<const GroupCount> groups) {
    std::int64_t largest = 1;
    for (const GroupCount& group : groups)
      largest = std::max(largest, group.size);
    hits_.assign(largest + 1, 0);
    misses_ = images_ = hits_;
    for (const GroupCount& group : groups) {
      const std::int64_t misses = group.size - group.hits;
      mixed_ += group.hits > 0 && misses > 0;
      ++hits_[group.hits];
      ++misses_[misses];
      ++images_[group.size];
    }
    for (auto* tail : {&hits_, &misses_, &images_}) {
      // From "exactly k" to "more than k".
      double above = 0;
      for (auto it = tail->rbegin(); it != tail->rend(); ++it) {
        const double here = *it;
        *it = above;
        above += here;
      }
    }
  }

  /// Derivative of the log-likelihood by the correlation r, for the mean p.
  double Score(double p, double r) const {
    const double q = 1 - p, s = 1 - r;
    // The terms of k = 0 would each be infinite at r = 1; together they are
    // minus the groups that hold hits and misses, over 1 - r.
    double sum = mixed_ > 0 ? -mixed_ / s : 0;
    for (std::size_t i = 1; i < images_.size(); ++i) {
      const auto k = static_cast<double>(i);
      sum += hits_[i] * (k - p) / (p * s + k * r) +
             misses_[i] * (k - q) / (q * s + k * r) -
             images_[i] * (k - 1) / (s + k * r);
    }
    return sum;
  }

  double Correlation(double p) const {
    if (images_.size() < 2 || images_[1] == 0) return 0;
    if (mixed_ == 0) return 1;
    // From above, so that of several maxima the largest is found.
    constexpr double kGrid[] = {0.98, 0.9,  0.8,  0.65, 0.5,   0.35,
                                0.22, 0.12, 0.06, 0.03, 0.012, 0};
    double high = 1 - 1e-9;
    double at_high = Score(p, high);
    if (at_high >= 0) return high;
    for (const double low : kGrid) {
      const double at_low = Score(p, low);
      if (at_low > 0)
        return Root([&](double r) { return Score(p, r); }, low, high, at_low,
                    at_high);
      high = low;
      at_high = at_low;
      if (at_high == 0 && high > 0) return high;
    }
    return 0;
  }

 private:
  double mixed_ = 0;  ///< Groups with hits and misses.
  std::vector<double> hits_, misses_, images_;
};

double RatioDesignEffectOf(std::span<const GroupCount> groups,
                           const Totals& total) {
  if (total.images == 0 || total.is_extreme() || total.groups < 2) return 1;
  const double p = total.proportion();
  const auto n = static_cast<double>(total.images);
  const auto units = static_cast<double>(total.groups);
  double sum = 0;
  for (const GroupCount& group : groups) {
    const double residual =
        static_cast<double>(group.hits) - p * static_cast<double>(group.size);
    sum += residual * residual;
  }
  return std::max(1.0, units / (units - 1) * sum / (n * p * (1 - p)));
}

Interval NotEstimable(const char* method, std::int64_t groups) {
  return {std::nullopt, std::nullopt, method, groups};
}

}  // namespace

Interval WilsonInterval(std::int64_t hits, std::int64_t n, double level) {
  BESOM_CHECK(hits >= 0 && hits <= n, "0 <= hits <= n");
  if (n == 0) return NotEstimable("wilson", 0);
  const double z2 = TwoSidedZ(level) * TwoSidedZ(level);
  const auto size = static_cast<double>(n);
  const double p = static_cast<double>(hits) / size;
  const double centre = (p + z2 / (2 * size)) / (1 + z2 / size);
  const double half =
      std::sqrt(z2 * (p * (1 - p) + z2 / (4 * size)) / size) / (1 + z2 / size);
  // Rounding must not move the ends 0 and 1.
  return {hits == 0 ? 0.0 : centre - half, hits == n ? 1.0 : centre + half,
          "wilson", n};
}

Interval ClopperPearsonInterval(std::int64_t hits, std::int64_t n,
                                double level) {
  BESOM_CHECK(hits >= 0 && hits <= n, "0 <= hits <= n");
  if (n == 0) return NotEstimable("clopper_pearson", 0);
  const double tail = (1 - level) / 2;
  const auto x = static_cast<double>(hits), m = static_cast<double>(n - hits);
  return {hits == 0 ? 0.0 : BetaQuantile(tail, x, m + 1),
          hits == n ? 1.0 : BetaQuantile(1 - tail, x + 1, m), "clopper_pearson",
          n};
}

double RatioDesignEffect(std::span<const GroupCount> groups) {
  return RatioDesignEffectOf(groups, TotalsOf(groups));
}

double IntraclassCorrelation(std::span<const GroupCount> groups, double p) {
  BESOM_CHECK(p > 0 && p < 1, "a probability inside of (0, 1)");
  return BetaBinomial(groups).Correlation(p);
}

Interval GroupProportionInterval(std::span<const GroupCount> groups,
                                 double level) {
  const Totals total = TotalsOf(groups);
  if (total.images == 0) return NotEstimable("wilson_groups", 0);
  if (total.largest == 1)
    return WilsonInterval(total.hits, total.images, level);
  if (total.is_extreme()) {
    Interval interval = ClopperPearsonInterval(
        total.hits == 0 ? 0 : total.groups, total.groups, level);
    interval.method = "clopper_pearson_groups";
    return interval;
  }
  const BetaBinomial model(groups);
  const double ratio = RatioDesignEffectOf(groups, total);
  const double estimate = total.proportion();
  const auto n = static_cast<double>(total.images);
  const double pairs = total.squares / n - 1;
  const double z2 = TwoSidedZ(level) * TwoSidedZ(level);
  const auto excess = [&](double p) {
    const double distance = estimate - p;
    if (p <= 0 || p >= 1) return n * distance * distance;
    const double effect = std::max(ratio, 1 + pairs * model.Correlation(p));
    return n * distance * distance - z2 * p * (1 - p) * effect;
  };
  const double inside = excess(estimate);
  return {Root(excess, 0.0, estimate, excess(0), inside),
          Root(excess, estimate, 1.0, inside, excess(1)), "wilson_groups",
          total.groups};
}

}  // namespace besom::stages
