#include "sweeps/axis.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "sweeps/plan.h"

namespace besom::sweeps {
namespace {

constexpr std::array<std::pair<Distribution, const char*>, 12> kNames = {{
    {Distribution::kValues, "values"},
    {Distribution::kCategorical, "categorical"},
    {Distribution::kIntUniform, "int_uniform"},
    {Distribution::kUniform, "uniform"},
    {Distribution::kQUniform, "q_uniform"},
    {Distribution::kLogUniformValues, "log_uniform_values"},
    {Distribution::kQLogUniformValues, "q_log_uniform_values"},
    {Distribution::kInvLogUniformValues, "inv_log_uniform_values"},
    {Distribution::kNormal, "normal"},
    {Distribution::kQNormal, "q_normal"},
    {Distribution::kLogNormal, "log_normal"},
    {Distribution::kQLogNormal, "q_log_normal"},
}};

bool IsNormal(Distribution distribution) {
  return distribution == Distribution::kNormal ||
         distribution == Distribution::kQNormal ||
         distribution == Distribution::kLogNormal ||
         distribution == Distribution::kQLogNormal;
}

bool IsRounded(Distribution distribution) {
  return distribution == Distribution::kQUniform ||
         distribution == Distribution::kQLogUniformValues ||
         distribution == Distribution::kQNormal ||
         distribution == Distribution::kQLogNormal;
}

/// Digits after the point of the shortest text that reads back as `q`; none
/// when it is too small for that.
std::optional<int> Decimals(double q) {
  constexpr int kMost = 17;
  for (int digits = 0; digits <= kMost; ++digits) {
    const std::string text = fmt::format("{:.{}f}", q, digits);
    if (std::strtod(text.c_str(), nullptr) == q) return digits;
  }
  return std::nullopt;
}

}  // namespace

std::string DistributionName(Distribution distribution) {
  for (const auto& [kind, name] : kNames)
    if (kind == distribution) return name;
  return "";
}

double RoundTo(double x, double q) {
  const double multiple = std::nearbyint(x / q) * q;
  const std::optional<int> decimals = Decimals(q);
  if (!std::isfinite(multiple) || !decimals.has_value()) return multiple;
  const std::string text = fmt::format("{:.{}f}", multiple, *decimals);
  const double rounded = std::strtod(text.c_str(), nullptr);
  return rounded == 0 ? 0.0 : rounded;  // Never -0.
}

Json AxisNumber(double value, bool integer) {
  if (!integer || !(std::abs(value) <= kLargestExact)) return Json(value);
  return Json(static_cast<std::int64_t>(std::llround(value)));
}

bool Axis::enumerable() const {
  if (distribution == Distribution::kValues) return true;
  return distribution == Distribution::kIntUniform &&
         max - min < static_cast<double>(kMostTrials);
}

std::optional<std::vector<Json>> Axis::GridValues() const {
  if (!values.empty()) return values;
  const bool whole = distribution == Distribution::kIntUniform;
  const bool bounded = distribution == Distribution::kQUniform ||
                       distribution == Distribution::kQLogUniformValues;
  if (!whole && !bounded) return std::nullopt;
  const double step = whole ? 1 : q;
  const double first = std::nearbyint(min / step);
  const double last = std::nearbyint(max / step);
  std::vector<Json> grid;
  // One more than may be used is enough for the caller to refuse it.
  const double most = static_cast<double>(kMostTrials);
  for (double k = first; k <= last && k - first <= most; ++k)
    grid.push_back(AxisNumber(RoundTo(k * step, step), integer));
  return grid;
}

Json Axis::ToJson() const {
  Json json = {{"distribution", DistributionName(distribution)}};
  if (!values.empty()) {
    json["values"] = values;
    if (!probabilities.empty()) json["probabilities"] = probabilities;
  } else if (IsNormal(distribution)) {
    json["mu"] = mu;
    json["sigma"] = sigma;
  } else {
    json["min"] = min;
    json["max"] = max;
  }
  if (IsRounded(distribution)) json["q"] = q;
  if (!when.empty()) json["when"] = when;
  return json;
}

}  // namespace besom::sweeps
