#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::stages {

/// A group as the assignment sees it: images per class. All groups of a call
/// have equally many classes.
struct CountedGroup {
  std::string name;
  std::vector<int> counts;
};

/// What each part should get.
struct PartWishes {
  /// wanted[part][class], images; the sum over parts is what there is.
  std::vector<std::vector<double>> wanted;
  /// needed[part][class]: the part must get at least one image.
  std::vector<std::vector<bool>> needed;
  /// The parts are alike (folds): what is left over of the classes is spread,
  /// so that they are also of one size.
  bool even = false;
};

/// Where draws come from: (seed, "split", repeat, step, the group's name).
struct SplitDraw {
  std::uint64_t seed = 0;
  std::uint64_t repeat = 0;
  std::uint64_t step = 0;  ///< 0 parts, 1 folds, 2 + fold: its validation.
};

/// Assigns every group to one part (its index is returned) so that each part
/// gets, per class, what it wants up to the size of the class's largest group.
///
/// Groups come in keyed random order, so every group has the same chance of
/// each part; each goes where the squared misfit grows least, then single
/// moves and keyed swaps lower the misfit to a local minimum. Where every
/// group holds one class the first step alone keeps the bound; groups of
/// several classes may leave no assignment that keeps it for all classes.
///
/// The result depends on the groups' names and counts and `draw`, not on their
/// order. A part that needs a class may stay without it when the groups do
/// not allow it: the caller looks. REQUIRES: at least one part.
std::vector<int> AssignGroups(const std::vector<CountedGroup>& groups,
                              const PartWishes& wishes, const SplitDraw& draw);

}  // namespace besom::stages
