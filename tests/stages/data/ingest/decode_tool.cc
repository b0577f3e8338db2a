// Decodes and resizes for parity_test.py. Reads one JSON object a line from
// stdin: {path, out, size, resize, interpolation, bit_depth_range}; writes the
// pixels to `out` (size 0: as decoded) and answers one JSON object a line:
// {width, height, channels, mode} or {error}.
#include <iostream>
#include <string>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "stages/data/decode.h"
#include "stages/data/resize.h"

namespace besom::stages {
namespace {

Result<Json> Answer(const Json& job) {
  BESOM_ASSIGN_OR_RETURN(
      const std::string file,
      ReadFile(job.at("path").get_ref<const std::string&>()));
  BESOM_ASSIGN_OR_RETURN(
      const BitDepthRange range,
      ParseBitDepthRange(job.at("bit_depth_range").get<std::string>()));
  ResizeSettings settings;
  settings.size = job.at("size").get<int>();
  BESOM_ASSIGN_OR_RETURN(settings.mode,
                         ParseResizeMode(job.at("resize").get<std::string>()));
  BESOM_ASSIGN_OR_RETURN(
      settings.interpolation,
      ParseInterpolation(job.at("interpolation").get<std::string>()));
  BESOM_ASSIGN_OR_RETURN(
      const DecodedImage image,
      DecodeImage(std::as_bytes(std::span(file)), range,
                  settings.size == 0 ? LeastSides() : LeastSidesFor(settings)));
  const std::vector<std::uint8_t> pixels =
      settings.size == 0 ? image.pixels : ResizeImage(image, settings);
  BESOM_RETURN_IF_ERROR(
      WriteFileAtomic(job.at("out").get_ref<const std::string&>(),
                      std::as_bytes(std::span(pixels))));
  return Json{{"width", image.file_width},
              {"height", image.file_height},
              {"channels", image.channels},
              {"mode", image.mode}};
}

}  // namespace
}  // namespace besom::stages

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto answer = besom::stages::Answer(besom::Json::parse(line));
    std::cout << (answer.ok() ? *answer
                              : besom::Json{{"error", answer.status().cause()}})
              << std::endl;
  }
}
