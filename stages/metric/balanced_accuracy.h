#pragma once

#include <optional>
#include <span>
#include <vector>

#include "stages/metric/interval.h"
#include "stages/metric/proportion_interval.h"

namespace besom::stages {

/// What a classifier does with the images of each class, by group:
/// recalls[c][g].size images of class c are in group g, .hits of these are
/// predicted so. All classes list the same groups, in the same order.
using GroupRecalls = std::vector<std::vector<GroupCount>>;

/// Mean of the classes' recalls (scikit-learn's balanced_accuracy_score); none
/// where a class has no image. Pure; any thread.
std::optional<double> BalancedAccuracy(
    std::span<const std::vector<GroupCount>> recalls);

/// Interval of the balanced accuracy whose unit is the group, at any level:
/// the classes' recalls have GroupProportionInterval, and the distances of
/// these ends from the recalls are put together as those of a mean ("method of
/// variance estimates recovery": Zou and Donner, Statistics in Medicine
/// 27:1693, 2008), with the correlation of two recalls where groups hold
/// images of both classes:
///   low = mean - sqrt(sum over classes c, d of r_cd e_c e_d) / classes,
///   e_c = recall_c - its lower end, r_cd = the correlation, over groups, of
///   hits - recall * size.
/// Unlike a bootstrap it needs no draws, which at the levels that many
/// comparisons ask for would be many. `spread` widens it: both ends stand so
/// many times as far from the mean, within [0, 1]. Method "mover_wilson",
/// groups = how many hold an image. Not estimable where a class has no image.
/// Pure; any thread. REQUIRES: at least one class; spread > 0.
Interval BalancedAccuracyInterval(
    std::span<const std::vector<GroupCount>> recalls, double level,
    double spread = 1);

/// How much wider the interval of a figure over all images is than that of
/// independent ones when every image was judged by a classifier that the images
/// of the other folds have trained: sqrt(1 + k / (k - 1)), 1.5 for 5 folds. The
/// corrected variance of Nadeau and Bengio (Machine Learning 52:239, 2003,
/// section 3), 1/k + 1/(k - 1), by that of independent folds, 1/k: two folds'
/// classifiers share most of their images, so that they err together. REQUIRES:
/// folds > 1.
double OutOfFoldSpread(int folds);

}  // namespace besom::stages
