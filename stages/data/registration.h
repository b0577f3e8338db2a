#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "stages/data/perceptual_hash.h"

namespace besom::stages {

/// A thumbnail made ready to be laid over another: at 32 x 32 and 64 x 64
/// pixels, less the mean and divided by the standard deviation of each pixel's
/// surroundings. What all chest X-rays share (bright middle, dark lungs) is
/// gone then; what is left are edges of ribs, vessels and the heart.
class PreparedPicture {
 public:
  explicit PreparedPicture(ThumbnailView thumbnail);

  /// Share of the pixels that differ from the mean of their surroundings by
  /// more than noise does (3 grey levels). A drawing on an even ground has
  /// little of it.
  double detail() const { return detail_; }
  /// Level 0: 32 x 32, level 1: 64 x 64; 32nds of a standard deviation.
  const std::vector<std::int8_t>& level(std::size_t index) const {
    return levels_[index];
  }

 private:
  std::array<std::vector<std::int8_t>, 2> levels_;
  double detail_ = 0;
};

/// One picture over which others are laid: what of that does not depend on the
/// other is computed once.
class Registration {
 public:
  explicit Registration(const PreparedPicture& fixed);

  /// Lays `moving` over the fixed picture by the affine map that lowers the
  /// squared difference (inverse compositional Gauss-Newton, coarse to fine:
  /// S. Baker, I. Matthews, "Lucas-Kanade 20 Years On", 2004, section 3.2) and
  /// returns their normalised correlation where both are, away from borders:
  /// -1 to 1. 0 when they do not come to lie over each other within about 6
  /// degrees and 15 % of scale and shift, or are too unlike to go on.
  /// Pure; any thread.
  double Correlate(const PreparedPicture& moving) const;

 private:
  struct Level {
    std::vector<float> values, across, down;       ///< Picture and gradients.
    std::array<std::array<double, 6>, 6> inverse;  ///< Of the Hessian.
  };
  std::array<Level, 2> levels_;
  bool singular_ = false;
};

}  // namespace besom::stages
