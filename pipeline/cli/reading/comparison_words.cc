#include "pipeline/cli/reading/comparison_words.h"

#include <fmt/format.h>

#include "pipeline/cli/reading/table_text.h"

namespace besom::cli {
namespace {

constexpr double kChance = 0.05;

std::string ValueOrDash(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : "-";
}

}  // namespace

std::string ComparisonSentence(const run::TrialComparison& line) {
  const std::string heading =
      fmt::format("{} on {}, {} against {}: ", PlainText(line.test.metric),
                  PlainText(line.split), line.a, line.b);
  if (!line.why_not.empty()) return heading + "no test, " + line.why_not;
  if (!line.test.difference) return heading + "not defined on this set";
  std::string text = fmt::format(
      "{}{} and {}, difference {:+.4f}", heading, ValueOrDash(line.value_a),
      ValueOrDash(line.value_b), *line.test.difference);
  if (line.test.low)
    text += fmt::format(" (95 % interval {:+.4f} to {:+.4f})", *line.test.low,
                        *line.test.high);
  if (!line.p_adjusted)
    return text + fmt::format(
                      "; whether that is chance is not estimable from "
                      "these {} {}",
                      line.units, line.unit);
  const bool adjusted = *line.p_adjusted != *line.test.p;
  const std::string differing =
      line.test.differing
          ? fmt::format(" ({} with answers that differ)", *line.test.differing)
          : "";
  text += fmt::format(
      "; {} of {} {}{}, p = {:.4g}{}: ", line.test.method, line.units,
      line.unit, differing, *line.test.p,
      adjusted ? fmt::format(" ({:.4g} by Holm)", *line.p_adjusted) : "");
  return text + (*line.p_adjusted < kChance ? "more than chance"
                                            : "no more than chance explains");
}

std::vector<std::string> ComparisonLines(
    const std::vector<run::TrialComparison>& lines,
    const std::string& chosen_on) {
  std::vector<std::string> words;
  bool any = false;
  for (const run::TrialComparison& line : lines) {
    words.push_back(ComparisonSentence(line));
    any |= line.split == chosen_on;
  }
  if (any)
    words.push_back(fmt::format(
        "note: trials are chosen on {}, so that the best of several looks "
        "better there than it is",
        PlainText(chosen_on)));
  return words;
}

}  // namespace besom::cli
