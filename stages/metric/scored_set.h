#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace besom::stages {

/// What a classifier says about the images of one set. Column by column,
/// image i at index i of each.
struct ScoredSet {
  int classes = 0;
  std::vector<int> actual;            ///< [images], in [0, classes).
  std::vector<double> probabilities;  ///< [images x classes], row by row.
  /// [images], from 0 without gaps: images of equal index are of one patient.
  std::vector<int> group;

  std::size_t images() const { return actual.size(); }
  std::span<const double> row(std::size_t image) const {
    return std::span(probabilities).subspan(image * classes, classes);
  }
};

/// Ends the process where the columns' lengths or an index contradict.
void CheckScoredSet(const ScoredSet& set);

/// Class of the largest probability of each image; the first on ties.
std::vector<int> PredictedClasses(const ScoredSet& set);

/// Probabilities of one class, by image.
std::vector<double> ClassProbabilities(const ScoredSet& set, int cls);

/// [images]: 1 for an image of the class, else 0.
std::vector<std::uint8_t> ClassMembers(const ScoredSet& set, int cls);

/// How many groups there are; each holds an image. `group` as a set's.
int GroupCountOf(std::span<const int> group);
int GroupCountOf(const ScoredSet& set);

/// Whether some group holds more than one image: then the group is the unit
/// of every interval and test, else the image.
bool HasSharedGroups(const ScoredSet& set);

/// The same images, each its own group: what is made of it are the intervals
/// and tests of independent images ("wilson", "delong"), whatever the groups.
ScoredSet WithImagesAsGroups(ScoredSet set);

}  // namespace besom::stages
