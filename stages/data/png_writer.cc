#include "stages/data/png_writer.h"

#include <png.h>

#include <cstring>

#include "pipeline/base/check.h"

namespace besom::stages {

Result<std::string> EncodePng(std::span<const std::uint8_t> pixels, int width,
                              int height, int channels) {
  BESOM_CHECK(channels == 1 || channels == 3, std::to_string(channels));
  BESOM_CHECK(pixels.size() == static_cast<std::size_t>(width) * height *
                                   static_cast<std::size_t>(channels),
              std::to_string(pixels.size()));
  // libpng's simplified interface: no long jumps, errors in image.message.
  png_image image;
  std::memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string file(size, '\0');
  if (png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0,
                                nullptr) == 0)
    return InternalError("PNG encoder", image.message);
  file.resize(size);
  return file;
}

}  // namespace besom::stages
