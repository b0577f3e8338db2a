#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "stages/data/decode.h"
#include "stages/data/phantom.h"
#include "stages/data/thumbnail.h"
#include "stages/data/thumbnail_shard.h"

namespace besom::stages {

/// A drawn chest of a patient, as if decoded.
inline DecodedImage Drawn(int patient, int size = 256) {
  const Json source = {{"name", "p"},  {"images", 60},
                       {"size", size}, {"images_per_patient", 1},
                       {"seed", 7},    {"difficulty", 0.3}};
  const auto scan = ScanPhantom(source, {"clear", "consolidation", "hazy"});
  DecodedImage image;
  image.pixels =
      RenderPhantom(scan->at(static_cast<std::size_t>(patient)).generator,
                    &image.width, &image.height)
          .value();
  image.channels = 1;
  return image;
}

/// The image turned by `degrees` about its centre, magnified by `zoom` (about
/// the centre, so that what is outside is cropped off), black where nothing
/// was; values times `gain` plus `bias`.
inline DecodedImage Changed(const DecodedImage& image, double degrees,
                            double zoom, double gain = 1, double bias = 0) {
  DecodedImage out = image;
  const double angle = degrees * std::acos(-1.0) / 180;
  const double cx = (image.width - 1) / 2.0, cy = (image.height - 1) / 2.0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const double u = (x - cx) / zoom, v = (y - cy) / zoom;
      const double fx = cx + u * std::cos(angle) - v * std::sin(angle);
      const double fy = cy + u * std::sin(angle) + v * std::cos(angle);
      double value = 0;
      if (fx >= 0 && fy >= 0 && fx < image.width - 1 && fy < image.height - 1) {
        const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
        const double wx = fx - ix, wy = fy - iy;
        const auto at = [&](int px, int py) {
          return static_cast<double>(
              image.pixels[static_cast<std::size_t>(py * image.width + px)]);
        };
        value = (at(ix, iy) * (1 - wx) + at(ix + 1, iy) * wx) * (1 - wy) +
                (at(ix, iy + 1) * (1 - wx) + at(ix + 1, iy + 1) * wx) * wy;
        value = gain * value + bias;
      }
      out.pixels[static_cast<std::size_t>(y * image.width + x)] =
          static_cast<std::uint8_t>(std::lround(value < 0     ? 0.0
                                                : value > 255 ? 255.0
                                                              : value));
    }
  return out;
}

/// What ingest keeps of images; each content is the digest of its name.
class Shelf {
 public:
  void Put(const std::string& name, const DecodedImage& image) {
    thumbnails_.push_back(MakeThumbnail(image));
    records_.push_back({DigestOf(std::string_view(name)), image.width,
                        image.height, PerceptualHash(thumbnails_.back())});
  }
  ThumbnailRecord& record(std::size_t i) { return records_[i]; }
  std::string Pack() const {
    return ThumbnailShard::Pack(records_, thumbnails_);
  }
  ThumbnailShard Open() const {
    return ThumbnailShard::Open(Artifact::FromBytes(Pack())).value();
  }

 private:
  std::vector<ThumbnailRecord> records_;
  std::vector<Thumbnail> thumbnails_;
};

}  // namespace besom::stages
