#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// The `augment` section, parsed.
struct AugmentSettings {
  int views = 5;        ///< V; 0 = no augmentation.
  double rotation = 0;  ///< ± degrees.
  double shift = 0;     ///< ± fraction of the side, both axes.
  double zoom = 0;      ///< ± fraction; a scale in [1-z, 1+z].
  bool horizontal_flip = false;
  double brightness = 0;  ///< ± fraction of full scale, added.
  double contrast = 0;    ///< ± fraction; a factor about the mean.
  enum class Fill { kNearest, kBlack, kReflect } fill = Fill::kNearest;

  static Result<AugmentSettings> FromJson(const Json& augment);
};

/// One view of one image: the drawn amounts. View 0 is the identity.
struct View {
  double rotation = 0;  ///< Degrees, counter-clockwise as in Pillow.
  double shift_x = 0, shift_y = 0;  ///< Fractions of the side.
  double scale = 1;
  bool flip = false;
  double brightness = 0, contrast = 1;
  Json ToJson() const;
};

/// Draws view `number` (>= 1) of the image with that content: a pure function
/// of its arguments.
View DrawView(const AugmentSettings& settings, const Digest& content,
              int number, std::uint64_t sweep_seed);

/// The address of a view in the features' row key: "plain" for view 0, else a
/// digest of (settings without the number of views, number, sweep seed).
std::string ViewKey(const AugmentSettings& settings, int number,
                    std::uint64_t sweep_seed);

/// Which view (0 = plain) image `content` shows in `epoch` (from 0):
/// 1 + (epoch + h) mod V with a keyed offset h per image; 0 when V = 0.
int ViewOfEpoch(const AugmentSettings& settings, const Digest& content,
                int epoch, std::uint64_t sweep_seed);

/// Applies `view` to `size` x `size` pixels with `channels` (1 or 3)
/// interleaved channels: flip, scale and rotation about the centre, shift
/// (positive to the right and down), bilinear; then contrast about the
/// picture's mean and brightness. `fill` says what is beyond the edge: the
/// nearest pixel, 0 (before brightness), or the mirrored picture. Without a
/// rotation, shift, scale or flip pixels are not resampled; the identity
/// returns equal bytes. Pure; any thread.
std::vector<std::uint8_t> RenderView(std::span<const std::uint8_t> pixels,
                                     int size, int channels, const View& view,
                                     AugmentSettings::Fill fill);

}  // namespace besom::stages
