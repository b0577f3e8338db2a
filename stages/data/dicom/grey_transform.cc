#include "stages/data/dicom/grey_transform.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string_view>

#include "stages/data/decode_formats.h"
#include "stages/data/dicom/library.h"

namespace besom::stages {
namespace {

/// The table in an item of a LUT sequence. `inputs_signed` says how the
/// descriptor's first input is meant, whatever type the file gives it.
Result<DicomLut> ReadLut(DcmItem& item, bool inputs_signed) {
  const Status damaged = BadImage("damaged DICOM: a LUT that does not add up");
  Uint16 descriptor[3] = {};
  for (unsigned long i = 0; i < 3; ++i) {
    Sint16 number = 0;
    if (item.findAndGetUint16(DCM_LUTDescriptor, descriptor[i], i).good())
      continue;
    if (item.findAndGetSint16(DCM_LUTDescriptor, number, i).bad())
      return damaged;
    descriptor[i] = static_cast<Uint16>(number);
  }
  const std::size_t count = descriptor[0] == 0 ? 65536 : descriptor[0];
  DicomLut lut;
  lut.first = inputs_signed ? static_cast<Sint16>(descriptor[1])
                            : static_cast<int>(descriptor[1]);
  lut.bits = descriptor[2];
  const Uint16* words = nullptr;
  unsigned long available = 0;
  if (lut.bits < 1 || lut.bits > 16 ||
      item.findAndGetUint16Array(DCM_LUTData, words, &available).bad() ||
      words == nullptr)
    return damaged;
  const auto mask = static_cast<std::uint16_t>((1U << lut.bits) - 1);
  for (std::size_t i = 0; i < count; ++i) {
    // Entries of 8 bits may lie two in a word, the first in its low half.
    const bool packed = available < count;
    if (packed && (lut.bits > 8 || available * 2 < count)) return damaged;
    const unsigned entry = !packed      ? words[i]
                           : i % 2 == 0 ? words[i / 2] & 0xFFU
                                        : words[i / 2] >> 8U;
    lut.entries.push_back(static_cast<std::uint16_t>(entry & mask));
  }
  return lut;
}

Result<std::optional<DicomLut>> ReadFirstLut(DcmItem& data,
                                             const DcmTagKey& sequence,
                                             bool inputs_signed) {
  DcmItem* item = nullptr;
  if (data.findAndGetSequenceItem(sequence, item, 0).bad())
    return std::optional<DicomLut>();
  BESOM_ASSIGN_OR_RETURN(DicomLut lut, ReadLut(*item, inputs_signed));
  return std::optional(std::move(lut));
}

Status ReadWindow(DcmItem& data, GreyTransform& transform) {
  DicomWindow window;
  if (data.findAndGetFloat64(DCM_WindowCenter, window.center).bad() ||
      data.findAndGetFloat64(DCM_WindowWidth, window.width).bad())
    return Status::Ok();
  const std::string shape = DicomText(data, DCM_VOILUTFunction);
  if (shape == "LINEAR_EXACT")
    window.shape = WindowShape::kLinearExact;
  else if (shape == "SIGMOID")
    window.shape = WindowShape::kSigmoid;
  else if (!shape.empty() && shape != "LINEAR")
    return BadImage("a DICOM window of an unknown function");
  transform.window = window;
  return Status::Ok();
}

/// Whether the modality's output can be below zero, which says how the inputs
/// of a VOI LUT are meant (PS3.3, C.11.2.1.1).
bool OutputsSigned(const GreyTransform& transform) {
  if (transform.modality) return false;
  const double largest = std::ldexp(1.0, transform.bits) - 1;
  const double least = transform.is_signed ? -(largest + 1) / 2 : 0;
  const double most = transform.is_signed ? (largest - 1) / 2 : largest;
  return std::min(transform.slope * least, transform.slope * most) +
             transform.intercept <
         0;
}

}  // namespace

Result<GreyTransform> ReadGreyTransform(DcmItem& data, int bits,
                                        bool is_signed) {
  GreyTransform transform;
  transform.bits = bits;
  transform.is_signed = is_signed;
  BESOM_ASSIGN_OR_RETURN(
      transform.modality,
      ReadFirstLut(data, DCM_ModalityLUTSequence, is_signed));
  Float64 number = 0;
  if (data.findAndGetFloat64(DCM_RescaleSlope, number).good())
    transform.slope = number;
  if (data.findAndGetFloat64(DCM_RescaleIntercept, number).good())
    transform.intercept = number;
  BESOM_ASSIGN_OR_RETURN(
      transform.interest,
      ReadFirstLut(data, DCM_VOILUTSequence, OutputsSigned(transform)));
  BESOM_RETURN_IF_ERROR(ReadWindow(data, transform));
  transform.inverted =
      DicomText(data, DCM_PhotometricInterpretation) == "MONOCHROME1" ||
      DicomText(data, DCM_PresentationLUTShape) == "INVERSE";
  return transform;
}

}  // namespace besom::stages
