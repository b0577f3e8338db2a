#pragma once

#include <cstddef>
#include <span>

#include "pipeline/base/result.h"
#include "stages/data/decode_formats.h"
#include "stages/data/dicom/outline.h"

namespace besom::stages {

/// DicomModule::decode.
Result<RawImage> DecodeDicomFile(std::span<const std::byte> file,
                                 const DicomOutline& outline);

}  // namespace besom::stages
