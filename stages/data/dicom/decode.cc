#include "stages/data/dicom/decode.h"

#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmimgle/dcmimage.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/data/dicom/frame_header.h"
#include "stages/data/dicom/grey_transform.h"
#include "stages/data/dicom/library.h"

namespace besom::stages {
namespace {

/// Kinds of pixels that are read (PS3.3, C.7.6.3.1.2).
constexpr std::array<std::string_view, 6> kColors = {
    "MONOCHROME1",   "MONOCHROME2", "RGB",
    "PALETTE COLOR", "YBR_FULL",    "YBR_FULL_422"};

/// What the file says of its pixels (PS3.3, C.7.6.3).
struct PixelModule {
  std::size_t width = 0, height = 0;
  int samples = 1;    ///< Per pixel.
  int allocated = 8;  ///< Bits of a sample.
  int stored = 8;     ///< Bits of it that count.
  int shift = 0;      ///< Bits below these.
  bool is_signed = false;
  std::string color;  ///< PhotometricInterpretation.

  bool grey() const { return color.starts_with("MONOCHROME"); }
  std::size_t sample_bytes() const {
    return static_cast<std::size_t>(allocated) / 8;
  }
};

Result<int> NumberAt(DcmItem& data, const DcmTagKey& tag, const char* name,
                     std::optional<int> absent = std::nullopt) {
  Uint16 value = 0;
  if (data.findAndGetUint16(tag, value).good()) return int{value};
  if (absent) return *absent;
  return BadImage(fmt::format("a DICOM image without {}", name));
}

Status CheckOneFrame(DcmItem& data) {
  if (data.tagExists(DCM_SharedFunctionalGroupsSequence))
    return BadImage("an enhanced multi-frame DICOM image");
  Sint32 frames = 1;
  if (data.findAndGetSint32(DCM_NumberOfFrames, frames).good() && frames != 1)
    return BadImage(fmt::format(
        "a DICOM file of {} frames: only single images are read", frames));
  return Status::Ok();
}

Result<PixelModule> ReadPixelModule(DcmItem& data) {
  BESOM_RETURN_IF_ERROR(CheckOneFrame(data));
  BESOM_ASSIGN_OR_RETURN(const int columns,
                         NumberAt(data, DCM_Columns, "Columns"));
  BESOM_ASSIGN_OR_RETURN(const int rows, NumberAt(data, DCM_Rows, "Rows"));
  BESOM_RETURN_IF_ERROR(CheckDimensions(static_cast<std::uint64_t>(columns),
                                        static_cast<std::uint64_t>(rows)));
  PixelModule pixels;
  pixels.width = static_cast<std::size_t>(columns);
  pixels.height = static_cast<std::size_t>(rows);
  pixels.color = DicomText(data, DCM_PhotometricInterpretation);
  if (std::ranges::find(kColors, pixels.color) == kColors.end())
    return BadImage("a DICOM image of an unknown PhotometricInterpretation");
  BESOM_ASSIGN_OR_RETURN(pixels.samples, NumberAt(data, DCM_SamplesPerPixel,
                                                  "SamplesPerPixel", 1));
  BESOM_ASSIGN_OR_RETURN(pixels.allocated,
                         NumberAt(data, DCM_BitsAllocated, "BitsAllocated"));
  BESOM_ASSIGN_OR_RETURN(
      pixels.stored,
      NumberAt(data, DCM_BitsStored, "BitsStored", pixels.allocated));
  BESOM_ASSIGN_OR_RETURN(const int high, NumberAt(data, DCM_HighBit, "HighBit",
                                                  pixels.stored - 1));
  BESOM_ASSIGN_OR_RETURN(const int representation,
                         NumberAt(data, DCM_PixelRepresentation, "", 0));
  pixels.is_signed = representation == 1;
  pixels.shift = high + 1 - pixels.stored;
  const bool sane = (pixels.allocated == 8 || pixels.allocated == 16) &&
                    pixels.stored >= 1 && pixels.stored <= pixels.allocated &&
                    high < pixels.allocated && pixels.shift >= 0;
  if (!sane)
    return BadImage(fmt::format("a DICOM image of {} bits in {}, from bit {}",
                                pixels.stored, pixels.allocated, high));
  const int samples = pixels.grey() || pixels.color == "PALETTE COLOR" ? 1 : 3;
  if (pixels.samples != samples)
    return BadImage(fmt::format("a DICOM image of colour {} with {} channels",
                                pixels.color, pixels.samples));
  return pixels;
}

/// Refuses what is shorter than its size says: the library would fill it up.
Status CheckLength(const PixelModule& pixels, const DicomOutline& outline) {
  if (outline.encapsulated) return Status::Ok();
  std::size_t samples =
      pixels.width * pixels.height * static_cast<std::size_t>(pixels.samples);
  if (pixels.color.ends_with("_422")) samples = samples / 3 * 2;
  if (outline.pixel_bytes >= samples * pixels.sample_bytes())
    return Status::Ok();
  return BadImage("damaged DICOM: it holds fewer pixels than it says");
}

/// The fragments of the one frame, joined.
std::vector<std::byte> FrameOf(std::span<const std::byte> file,
                               const DicomOutline& outline) {
  std::vector<std::byte> frame;
  for (std::size_t i = 1; i < outline.fragments.size(); ++i) {
    const auto& [begin, size] = outline.fragments[i];
    const auto fragment = file.subspan(begin, size);
    frame.insert(frame.end(), fragment.begin(), fragment.end());
  }
  return frame;
}

/// Checks what the library's decoders would trust.
Status CheckFrame(E_TransferSyntax syntax, const PixelModule& pixels,
                  std::span<const std::byte> file,
                  const DicomOutline& outline) {
  const FrameShape shape = {pixels.width, pixels.height, pixels.samples,
                            static_cast<int>(pixels.sample_bytes())};
  const std::vector<std::byte> frame = FrameOf(file, outline);
  if (syntax != EXS_RLELossless) return CheckJpegFrame(frame, shape);
  if (outline.fragments.size() != 2)
    return BadImage("damaged DICOM: an RLE frame in several pieces");
  return CheckRleFrame(frame, shape);
}

Status CheckCompression(DcmDataset& data, const PixelModule& pixels,
                        std::span<const std::byte> file,
                        const DicomOutline& outline) {
  const DcmXfer syntax(data.getOriginalXfer());
  if (syntax.getXfer() == EXS_Unknown)
    return BadImage("a DICOM file of an unknown transfer syntax");
  if (syntax.isEncapsulated() != OFBool{outline.encapsulated})
    return BadImage("damaged DICOM: its pixels are not stored as it says");
  if (!syntax.isEncapsulated()) return Status::Ok();
  if (DcmCodecList::canChangeCoding(syntax.getXfer(), EXS_LittleEndianExplicit))
    return CheckFrame(syntax.getXfer(), pixels, file, outline);
  return BadImage(fmt::format("a DICOM image stored as {}, which is not read",
                              syntax.getXferName()));
}

/// The samples of a grey image, in the machine's byte order.
Result<std::vector<std::uint8_t>> GreySamples(DcmDataset& data,
                                              const PixelModule& pixels) {
  DcmElement* element = nullptr;
  data.findAndGetElement(DCM_PixelData, element);
  auto* const pixel_data = dynamic_cast<DcmPixelData*>(element);
  if (pixel_data == nullptr) return BadImage("a DICOM file without pixels");
  const std::size_t size = pixels.width * pixels.height * pixels.sample_bytes();
  std::vector<std::uint8_t> samples(size + size % 2);
  Uint32 fragment = 0;
  OFString color;
  const OFCondition read = pixel_data->getUncompressedFrame(
      &data, 0, fragment, samples.data(), static_cast<Uint32>(samples.size()),
      color);
  if (read.bad())
    return BadImage(fmt::format("damaged DICOM: {}", read.text()));
  samples.resize(size);
  return samples;
}

template <typename Stored>
void LookUp(const PixelModule& pixels, const GreyTable& table,
            const std::vector<std::uint8_t>& samples, RawImage& image) {
  const std::size_t count = pixels.width * pixels.height;
  const auto mask = static_cast<std::uint32_t>(table.levels.size() - 1);
  const auto level = [&](std::size_t i) {
    Stored value;
    std::memcpy(&value, samples.data() + i * sizeof value, sizeof value);
    return table
        .levels[(static_cast<std::uint32_t>(value) >> pixels.shift) & mask];
  };
  image.samples.resize(count * static_cast<std::size_t>(image.bits) / 8);
  if (image.bits == 8) {
    for (std::size_t i = 0; i < count; ++i)
      image.samples[i] = static_cast<std::uint8_t>(level(i));
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t deep = level(i);
    std::memcpy(image.samples.data() + 2 * i, &deep, sizeof deep);
  }
}

Status DecodeGrey(DcmDataset& data, const PixelModule& pixels,
                  RawImage& image) {
  BESOM_ASSIGN_OR_RETURN(
      const GreyTransform transform,
      ReadGreyTransform(data, pixels.stored, pixels.is_signed));
  BESOM_ASSIGN_OR_RETURN(const GreyTable table, MakeGreyTable(transform));
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> samples,
                         GreySamples(data, pixels));
  image.channels = 1;
  image.bits = table.white > 255 ? 16 : 8;
  image.white = table.white;
  if (pixels.allocated == 8)
    LookUp<std::uint8_t>(pixels, table, samples, image);
  else
    LookUp<std::uint16_t>(pixels, table, samples, image);
  return Status::Ok();
}

/// YBR_FULL to RGB (PS3.3, C.7.6.3.1.2), rounded; the library's own way is up
/// to two levels off.
void ConvertToRgb(std::vector<std::uint8_t>& samples) {
  const auto level = [](double value) {
    return static_cast<std::uint8_t>(
        std::clamp(std::floor(value + 0.5), 0.0, 255.0));
  };
  for (std::size_t i = 0; i + 2 < samples.size(); i += 3) {
    const double y = samples[i];
    const double blue = samples[i + 1] - 128.0;
    const double red = samples[i + 2] - 128.0;
    samples[i] = level(y + 1.402 * red);
    samples[i + 1] = level(y - 0.344136 * blue - 0.714136 * red);
    samples[i + 2] = level(y + 1.772 * blue);
  }
}

Status DecodeColor(DcmDataset& data, const PixelModule& pixels,
                   RawImage& image) {
  DicomImage colors(&data, data.getOriginalXfer(), CIF_KeepYCbCrColorModel,
                    /*fstart=*/0UL,
                    /*fcount=*/1UL);
  if (colors.getStatus() != EIS_Normal)
    return BadImage(fmt::format("damaged DICOM: {}",
                                DicomImage::getString(colors.getStatus())));
  if (colors.getWidth() != pixels.width ||
      colors.getHeight() != pixels.height || colors.isMonochrome())
    return BadImage("damaged DICOM: its pixels are not what it says");
  image.channels = 3;
  image.samples.resize(pixels.width * pixels.height * 3);
  if (colors.getOutputData(image.samples.data(), image.samples.size(),
                           /*bits=*/8) == 0)
    return BadImage("damaged DICOM: its colours cannot be told");
  const EP_Interpretation color = colors.getPhotometricInterpretation();
  if (color == EPI_YBR_Full || color == EPI_YBR_Full_422)
    ConvertToRgb(image.samples);
  return Status::Ok();
}

}  // namespace

Result<RawImage> DecodeDicomFile(std::span<const std::byte> file,
                                 const DicomOutline& outline) {
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<DcmFileFormat> parsed,
                         ParseDicom(file.first(outline.end)));
  DcmDataset& data = *parsed->getDataset();
  BESOM_ASSIGN_OR_RETURN(const PixelModule pixels, ReadPixelModule(data));
  BESOM_RETURN_IF_ERROR(CheckLength(pixels, outline));
  BESOM_RETURN_IF_ERROR(CheckCompression(data, pixels, file, outline));
  RawImage image;
  image.width = image.file_width = static_cast<int>(pixels.width);
  image.height = image.file_height = static_cast<int>(pixels.height);
  image.mode = fmt::format("{};{}", pixels.color, pixels.stored);
  BESOM_RETURN_IF_ERROR(pixels.grey() ? DecodeGrey(data, pixels, image)
                                      : DecodeColor(data, pixels, image));
  return image;
}

}  // namespace besom::stages
