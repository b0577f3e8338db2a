#pragma once

#include <string>
#include <vector>

#include "pipeline/run/trial_comparison.h"

namespace besom::cli {

/// A line in words: what the difference is, how sure it is, and whether it is
/// more than chance (adjusted p below 0.05).
std::string ComparisonSentence(const run::TrialComparison& line);

/// The sentence of each line; where one is of the set `chosen_on`, a note on
/// how to read that.
std::vector<std::string> ComparisonLines(
    const std::vector<run::TrialComparison>& lines,
    const std::string& chosen_on);

}  // namespace besom::cli
