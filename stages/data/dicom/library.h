#pragma once

#include <dcmtk/dcmdata/dctk.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "pipeline/base/result.h"

namespace besom::stages {

/// Registers DCMTK's decoders (JPEG, JPEG-LS, RLE) and silences its log. Once
/// in a process, before anything else of it. False when its dictionary is
/// missing, without which nothing can be read.
bool PrepareDicomLibrary();

/// Parses a DICOM file held in `bytes`, which OutlineDicom has found whole.
/// kFailed with the reason as its cause. Any thread.
Result<std::unique_ptr<DcmFileFormat>> ParseDicom(
    std::span<const std::byte> bytes);

/// The text of an element, its values joined with a backslash, without padding
/// around it; empty when it is absent.
std::string DicomText(DcmItem& item, const DcmTagKey& tag);

}  // namespace besom::stages
