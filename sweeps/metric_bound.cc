#include "sweeps/metric_bound.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace besom::sweeps {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool IsOfOneClass(const MetricName& metric) {
  return metric.cls && *metric.cls != "macro avg" &&
         *metric.cls != "weighted avg";
}

}  // namespace

Result<MetricBound> MetricBound::Parse(
    std::string_view text, const std::vector<std::string>& classes) {
  // A class may hold anything but the last sign.
  const std::size_t sign = std::max(text.rfind(">=") + 1, text.rfind("<=") + 1);
  if (sign == 0)
    return InvalidError("", fmt::format("`{}` is no condition", text),
                        "write METRIC >= NUMBER or METRIC <= NUMBER: "
                        "'recall/covid >= 0.95'");
  MetricBound bound;
  BESOM_ASSIGN_OR_RETURN(
      bound.metric,
      MetricName::Parse(Trimmed(text.substr(0, sign - 1)), classes));
  bound.at_least = text[sign - 1] == '>';
  const std::string_view digits = Trimmed(text.substr(sign + 1));
  const auto [end, error] = std::from_chars(
      digits.data(), digits.data() + digits.size(), bound.limit);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      !std::isfinite(bound.limit))
    return InvalidError("", fmt::format("`{}` is no number", digits),
                        "write METRIC >= NUMBER: 'recall/covid >= 0.95'");
  return bound;
}

Result<MetricBound> ParseThresholdTarget(
    std::string_view text, const std::vector<std::string>& classes) {
  constexpr std::array kAims = {"recall", "specificity", "precision", "npv"};
  BESOM_ASSIGN_OR_RETURN(const MetricBound bound,
                         MetricBound::Parse(text, classes));
  const bool is_aim =
      std::ranges::find(kAims, bound.metric.name) != kAims.end() &&
      IsOfOneClass(bound.metric);
  if (!is_aim || !bound.at_least)
    return InvalidError(
        "", fmt::format("a threshold cannot aim at `{}`", text),
        "write METRIC/CLASS >= NUMBER with recall, specificity, precision or "
        "npv");
  if (bound.limit < 0 || bound.limit > 1)
    return InvalidError("", fmt::format("{} is no share", bound.limit),
                        "a number from 0 to 1");
  return bound;
}

}  // namespace besom::sweeps
