#include <libexif/exif-data.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "stages/data/decode_formats.h"

namespace besom::stages {
namespace {

constexpr std::string_view kPrefix{"Exif\0\0", 6};
/// An EXIF block fits a JPEG segment; larger ones are forged.
constexpr std::size_t kMaxExifBytes = 1U << 16;

struct FreeExif {
  void operator()(ExifData* data) const { exif_data_unref(data); }
};

/// The first number of `entry`, or 0.
int NumberOf(const ExifEntry& entry, ExifByteOrder order) {
  if (entry.data == nullptr || entry.components < 1) return 0;
  if (entry.format == EXIF_FORMAT_SHORT && entry.size >= 2)
    return exif_get_short(entry.data, order);
  if (entry.format == EXIF_FORMAT_LONG && entry.size >= 4)
    return static_cast<int>(
        std::min<ExifLong>(exif_get_long(entry.data, order), 9));
  if (entry.format == EXIF_FORMAT_BYTE && entry.size >= 1) return entry.data[0];
  return 0;
}

}  // namespace

int ExifOrientation(std::span<const std::uint8_t> exif) {
  if (exif.empty() || exif.size() > kMaxExifBytes) return 1;
  std::vector<std::uint8_t> block(exif.begin(), exif.end());
  const bool prefixed =
      block.size() >= kPrefix.size() &&
      std::equal(kPrefix.begin(), kPrefix.end(), block.begin());
  if (!prefixed) block.insert(block.begin(), kPrefix.begin(), kPrefix.end());
  const std::unique_ptr<ExifData, FreeExif> data(exif_data_new());
  if (data == nullptr) return 1;
  // By default libexif adds and retypes tags until the block is as the
  // standard wants it; what counts is what the file says.
  exif_data_unset_option(data.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
  exif_data_load_data(data.get(), block.data(),
                      static_cast<unsigned int>(block.size()));
  const ExifEntry* entry =
      exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr) return 1;
  const int value = NumberOf(*entry, exif_data_get_byte_order(data.get()));
  return value >= 1 && value <= 8 ? value : 1;
}

}  // namespace besom::stages
