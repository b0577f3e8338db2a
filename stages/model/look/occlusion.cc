#include "stages/model/look/occlusion.h"

#include <algorithm>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

constexpr std::uint8_t kGrey = 128;
constexpr int kImagesAtOnce = 8;

/// Covers the patch around the middle of position (row, column) of `count` a
/// side.
void Cover(std::span<std::uint8_t> image, int side, int patch, int count,
           int row, int column) {
  const auto range = [&](int at) {
    const int first = (2 * at + 1) * side / (2 * count) - patch / 2;
    return std::pair(std::max(first, 0), std::min(first + patch, side));
  };
  const auto [top, bottom] = range(row);
  const auto [left, right] = range(column);
  for (int channel = 0; channel < 3; ++channel)
    for (int y = top; y < bottom; ++y) {
      const auto line = image.subspan(
          (static_cast<std::size_t>(channel) * side + y) * side + left,
          static_cast<std::size_t>(right - left));
      std::ranges::fill(line, kGrey);
    }
}

}  // namespace

OcclusionPatch OcclusionPatch::For(int side) {
  const int patch = std::max(2, side / 8);
  return {patch, patch / 2};
}

Result<ClassActivation> Occlude(const ImageClassifier& classify,
                                std::span<const std::uint8_t> image, int side,
                                const OcclusionPatch& patch, int target) {
  BESOM_CHECK(patch.side > 0 && patch.step > 0, "a patch without a side");
  ClassActivation found{.target = target};
  BESOM_ASSIGN_OR_RETURN(found.probabilities, classify(image, 1));
  if (target < 0)
    found.target =
        static_cast<int>(std::ranges::max_element(found.probabilities) -
                         found.probabilities.begin());
  const auto chosen = static_cast<std::size_t>(found.target);
  const std::size_t classes = found.probabilities.size();
  const int count = (side + patch.step - 1) / patch.step;
  found.map = {count, count, {}};
  for (int first = 0; first < count * count; first += kImagesAtOnce) {
    const int some = std::min(kImagesAtOnce, count * count - first);
    std::vector<std::uint8_t> batch;
    for (int i = 0; i < some; ++i) {
      batch.insert(batch.end(), image.begin(), image.end());
      Cover(std::span(batch).last(image.size()), side, patch.side, count,
            (first + i) / count, (first + i) % count);
    }
    BESOM_ASSIGN_OR_RETURN(const std::vector<double> probabilities,
                           classify(batch, some));
    for (int i = 0; i < some; ++i)
      found.map.values.push_back(static_cast<float>(
          found.probabilities[chosen] -
          probabilities[static_cast<std::size_t>(i) * classes + chosen]));
  }
  return found;
}

}  // namespace besom::stages
