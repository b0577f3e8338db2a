#pragma once

#include <string>

#include "pipeline/run/trial_comparison.h"

namespace besom::cli {

/// A line in words: what the difference is, how sure it is, and whether it is
/// more than chance (adjusted p below 0.05).
std::string ComparisonSentence(const run::TrialComparison& line);

}  // namespace besom::cli
