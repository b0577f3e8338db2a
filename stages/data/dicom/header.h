#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/data/dicom/tag.h"

namespace besom::stages {

/// The tag that `name` means: a keyword of the standard, as PatientID, or
/// "(gggg,eeee)" in hexadecimal digits, with or without brackets. kInvalid
/// without a place for others; kUnavailable when DICOM cannot be read here.
Result<DicomTag> ParseDicomTag(std::string_view name);

/// The values of some elements of the DICOM file `file`, as
/// DicomModule::read_texts gives them. Reads no further than to the pixels.
/// kFailed with the reason as its cause when it is no DICOM file, or damaged
/// before them. Any thread.
Result<std::vector<std::string>> ReadDicomTexts(const Path& file,
                                                std::span<const DicomTag> tags);

}  // namespace besom::stages
