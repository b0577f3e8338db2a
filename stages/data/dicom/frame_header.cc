#include "stages/data/dicom/frame_header.h"

#include <cstdint>
#include <string_view>

#include "stages/data/decode_formats.h"

namespace besom::stages {
namespace {

constexpr std::size_t kRleTable = 64;

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

unsigned ByteAt(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

std::size_t LittleAt(std::string_view text, std::size_t at) {
  std::size_t number = 0;
  for (std::size_t i = 4; i-- > 0;) number = number << 8 | ByteAt(text, at + i);
  return number;
}

std::size_t BigAt(std::string_view text, std::size_t at) {
  return ByteAt(text, at) << 8 | ByteAt(text, at + 1);
}

/// SOF0 ... SOF15 but for DHT, JPG and DAC, which lie between them; SOF55 of
/// JPEG-LS.
bool IsFrameMarker(unsigned marker) {
  return (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 &&
          marker != 0xC8 && marker != 0xCC) ||
         marker == 0xF7;
}

/// Tables, comments and what applications add: DHT, DAC, DQT, DRI, APPn, COM,
/// LSE.
bool MayGoBefore(unsigned marker) {
  return marker == 0xC4 || marker == 0xCC || marker == 0xDB || marker == 0xDD ||
         (marker >= 0xE0 && marker <= 0xEF) || marker == 0xF8 || marker == 0xFE;
}

bool HasShape(std::string_view text, std::size_t segment,
              const FrameShape& shape) {
  const unsigned bits = ByteAt(text, segment + 2);
  return BigAt(text, segment + 3) == shape.height &&
         BigAt(text, segment + 5) == shape.width &&
         static_cast<int>(ByteAt(text, segment + 7)) == shape.channels &&
         bits >= 1 && static_cast<int>((bits + 7) / 8) == shape.sample_bytes;
}

std::size_t ScansOf(std::string_view text) {
  std::size_t scans = 0;
  for (std::size_t at = 0;
       (at = text.find("\xFF\xDA", at)) != std::string_view::npos; at += 2)
    ++scans;
  return scans;
}

}  // namespace

Status CheckRleFrame(std::span<const std::byte> frame,
                     const FrameShape& shape) {
  const std::string_view text = TextOf(frame);
  const Status damaged =
      BadImage("damaged DICOM: its RLE segments do not add up");
  const auto segments =
      static_cast<std::size_t>(shape.channels * shape.sample_bytes);
  if (text.size() < kRleTable || LittleAt(text, 0) != segments) return damaged;
  std::size_t least = kRleTable;
  for (std::size_t i = 1; i <= segments; ++i) {
    const std::size_t offset = LittleAt(text, 4 * i);
    if (offset < least || offset >= text.size()) return damaged;
    least = offset + 1;
  }
  return Status::Ok();
}

Status CheckJpegFrame(std::span<const std::byte> frame,
                      const FrameShape& shape) {
  const std::string_view text = TextOf(frame);
  const Status damaged = BadImage("damaged DICOM: a JPEG without its header");
  if (!text.starts_with("\xFF\xD8")) return damaged;
  std::size_t at = 2;
  while (at + 10 <= text.size() && ByteAt(text, at) == 0xFF) {
    const unsigned marker = ByteAt(text, at + 1);
    const std::size_t segment = at + 2;
    const std::size_t length = BigAt(text, segment);
    if (length < 2 || length > text.size() - segment) return damaged;
    if (IsFrameMarker(marker)) {
      if (length < 8 || !HasShape(text, segment, shape))
        return BadImage("damaged DICOM: its JPEG is not what it says");
      if (ScansOf(text.substr(segment)) > std::size_t{kMaxJpegScans})
        return BadImage("damaged DICOM: a JPEG of too many scans");
      return Status::Ok();
    }
    if (!MayGoBefore(marker)) return damaged;
    at = segment + length;
  }
  return damaged;
}

}  // namespace besom::stages
