#include <fmt/format.h>

#include <utility>

#include "stages/data/decode_formats.h"

namespace besom::stages {

Status BadImage(std::string reason) {
  return {StatusCode::kFailed, "", std::move(reason)};
}

Status CheckDimensions(std::uint64_t width, std::uint64_t height) {
  if (width == 0 || height == 0) return BadImage("an image without pixels");
  if (width > kMaxSide || height > kMaxSide || width * height > kMaxPixels)
    return BadImage(
        fmt::format("{} x {} pixels, the limit is {} a side and {} in all",
                    width, height, kMaxSide, kMaxPixels));
  return Status::Ok();
}

}  // namespace besom::stages
