#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/network_probe.h"

namespace besom::stages {

/// Probabilities of `count` images, as NetworkProbe's.
using ImageClassifier = std::function<Result<std::vector<double>>(
    std::span<const std::uint8_t> images, int count)>;

/// Where a patch is moved over an image: its side and how far it goes at a
/// time, pixels.
struct OcclusionPatch {
  /// An eighth of the image, half of that at a time.
  static OcclusionPatch For(int side);

  int side = 0, step = 0;
};

/// How much the probability of a class falls when a patch of grey (128) covers
/// a place (Zeiler and Fergus, arXiv 1311.2901, section 4.2). The map's
/// positions are the middles of the patches, evenly over the image; patches are
/// cut off at its edges. `image`: `side` x `side`, channels first; `target` <
/// 0: the class of the largest probability. Errors are the classifier's.
Result<ClassActivation> Occlude(const ImageClassifier& classify,
                                std::span<const std::uint8_t> image, int side,
                                const OcclusionPatch& patch, int target);

}  // namespace besom::stages
