#include "stages/data/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <fstream>
#include <new>
#include <utility>

#include "stages/data/decode_formats.h"
#include "stages/data/dicom/module.h"
#include "stages/data/dicom/outline.h"

namespace besom::stages {
namespace {

constexpr std::string_view kJpegMagic = "\xFF\xD8\xFF";
constexpr std::string_view kPngMagic = "\x89PNG\r\n\x1A\n";
constexpr double kPercentile = 0.005;  // Of both ends; see BitDepthRange.

Result<RawImage> DecodeDicom(std::span<const std::byte> bytes) {
  BESOM_ASSIGN_OR_RETURN(const DicomOutline outline,
                         OutlineDicom(bytes, DicomDepth::kWhole));
  BESOM_ASSIGN_OR_RETURN(const DicomModule* module, LoadDicomModule());
  return module->decode(bytes, outline);
}

Result<RawImage> DecodeRaw(std::span<const std::byte> bytes,
                           const LeastSides& least) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              bytes.size());
  if (text.empty()) return BadImage("the file is empty");
  if (text.size() > kMaxFileBytes)
    return BadImage(
        fmt::format("{} bytes, the limit is {}", text.size(), kMaxFileBytes));
  if (text.starts_with(kJpegMagic)) return DecodeJpeg(bytes, least);
  if (text.starts_with(kPngMagic)) return DecodePng(bytes);
  if (IsDicom(bytes)) return DecodeDicom(bytes);
  if (IsBareDicom(bytes))
    return BadImage("a DICOM data set without the preamble of a DICOM file");
  return BadImage("neither a JPEG, a PNG nor a DICOM file");
}

/// The table from 16-bit values to 8-bit ones.
std::vector<std::uint8_t> ReductionTable(std::span<const std::uint16_t> samples,
                                         int white, BitDepthRange range) {
  std::vector<std::uint8_t> table(65536);
  std::int64_t low = 0;
  std::int64_t high = white;
  if (range == BitDepthRange::kPercentile) {
    std::vector<std::uint64_t> counts(65536);
    for (const std::uint16_t value : samples) ++counts[value];
    const auto rank = static_cast<std::uint64_t>(
        kPercentile * static_cast<double>(samples.size()));
    std::uint64_t seen = 0;
    for (low = 0; (seen += counts[static_cast<std::size_t>(low)]) <= rank;)
      ++low;
    seen = 0;
    for (high = 65535;
         (seen += counts[static_cast<std::size_t>(high)]) <= rank;)
      --high;
  }
  const std::int64_t span = std::max<std::int64_t>(high - low, 1);
  for (std::int64_t value = 0; value < 65536; ++value)
    table[static_cast<std::size_t>(value)] =
        static_cast<std::uint8_t>(std::clamp<std::int64_t>(
            ((value - low) * 510 + span) / (2 * span), 0, 255));
  return table;
}

void ReduceTo8Bits(RawImage& image, BitDepthRange range) {
  std::vector<std::uint16_t> wide(image.samples.size() / 2);
  std::memcpy(wide.data(), image.samples.data(), wide.size() * 2);
  const std::vector<std::uint8_t> table =
      ReductionTable(wide, image.white, range);
  image.samples.resize(wide.size());
  std::transform(wide.begin(), wide.end(), image.samples.begin(),
                 [&](std::uint16_t value) { return table[value]; });
  image.bits = 8;
}

/// Keeps one channel of an RGB image that is grey everywhere.
void DropEqualChannels(RawImage& image) {
  if (image.channels != 3) return;
  std::vector<std::uint8_t>& samples = image.samples;
  for (std::size_t i = 0; i < samples.size(); i += 3)
    if (samples[i] != samples[i + 1] || samples[i] != samples[i + 2]) return;
  for (std::size_t i = 0; i < samples.size() / 3; ++i)
    samples[i] = samples[3 * i];
  samples.resize(samples.size() / 3);
  image.channels = 1;
}

/// Returns the pixels turned as EXIF's orientation says (TIFF 6.0, tag 274).
std::vector<std::uint8_t> Turned(const RawImage& image) {
  const int way = image.orientation;
  const bool swapped = way >= 5;
  const bool from_right = way == 2 || way == 3 || way == 7 || way == 8;
  const bool from_bottom = way == 3 || way == 4 || way == 6 || way == 7;
  const std::ptrdiff_t width = image.width;
  const std::ptrdiff_t height = image.height;
  const std::ptrdiff_t channels = image.channels;
  const std::ptrdiff_t step_x = from_right ? -channels : channels;
  const std::ptrdiff_t step_y = (from_bottom ? -width : width) * channels;
  const std::uint8_t* start = image.samples.data() +
                              (from_right ? width - 1 : 0) * channels +
                              (from_bottom ? height - 1 : 0) * width * channels;
  const std::ptrdiff_t across = swapped ? step_y : step_x;
  const std::ptrdiff_t down = swapped ? step_x : step_y;
  const std::ptrdiff_t columns = swapped ? height : width;
  const std::ptrdiff_t rows = swapped ? width : height;
  std::vector<std::uint8_t> turned(image.samples.size());
  std::uint8_t* out = turned.data();
  for (std::ptrdiff_t y = 0; y < rows; ++y)
    for (std::ptrdiff_t x = 0; x < columns; ++x, out += channels)
      std::memcpy(out, start + y * down + x * across,
                  static_cast<std::size_t>(channels));
  return turned;
}

}  // namespace

Result<DecodedImage> DecodeImage(std::span<const std::byte> bytes,
                                 BitDepthRange range, const LeastSides& least) {
  try {
    BESOM_ASSIGN_OR_RETURN(RawImage raw, DecodeRaw(bytes, least));
    if (raw.bits == 16) ReduceTo8Bits(raw, range);
    DropEqualChannels(raw);
    DecodedImage image;
    const bool swapped = raw.orientation >= 5;
    image.width = swapped ? raw.height : raw.width;
    image.height = swapped ? raw.width : raw.height;
    image.file_width = swapped ? raw.file_height : raw.file_width;
    image.file_height = swapped ? raw.file_width : raw.file_height;
    image.channels = raw.channels;
    image.pixels = raw.orientation == 1 ? std::move(raw.samples) : Turned(raw);
    image.mode = std::move(raw.mode);
    return image;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kUnavailable, "", "no memory to decode an image",
                  "give the run more memory or fewer threads");
  }
}

bool HasImageExtension(std::string_view file_name) {
  const std::size_t dot = file_name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  std::string extension(file_name.substr(dot + 1));
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  constexpr std::array<std::string_view, 7> kKnown = {
      "jpg", "jpeg", "jpe", "jfif", "png", "dcm", "dicom"};
  return std::ranges::find(kKnown, extension) != kKnown.end();
}

bool IsImageFile(const Path& file) {
  const std::string name = file.filename().string();
  if (HasImageExtension(name)) return true;
  if (name.find('.') != std::string::npos) return false;
  std::array<char, 132> start{};
  std::ifstream stream(file, std::ios::binary);
  return stream.read(start.data(), start.size()) &&
         IsDicom(std::as_bytes(std::span(start)));
}

}  // namespace besom::stages
