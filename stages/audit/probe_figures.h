#pragma once

#include <cstddef>
#include <vector>

#include "stages/audit/audit.h"
#include "stages/audit/audit_images.h"

namespace besom::stages {

/// The figures of a probe that says `probabilities` [members x classes] about
/// the images of `set`: of all classes (where there are more than two), then of
/// each pair, which is told apart by the larger one of its two probabilities,
/// up to `most_paired` classes. Intervals as BalancedAccuracyInterval; bounds
/// are left open.
std::vector<AuditFigure> FiguresOf(const AuditSet& set,
                                   const std::vector<double>& probabilities,
                                   int most_paired);

/// The figures of a probe for which all images are the same: chance.
std::vector<AuditFigure> FiguresOfNothing(const AuditSet& set, int most_paired);

/// Gives the figures of probes that may alarm their bounds: the lower ends of
/// two-sided intervals of 1 - 0.05 / n for each of the n of them (Bonferroni),
/// so that in at most 5 % of data sets any of the n intervals misses.
void BoundTogether(const AuditSet& set, std::vector<AuditProbe>& probes);

}  // namespace besom::stages
