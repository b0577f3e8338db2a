#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/decode_formats.h"
#include "stages/data/dicom/outline.h"
#include "stages/data/dicom/tag.h"

namespace besom::stages {

/// What the module besom-dicom.so does, which alone links DCMTK. Any thread.
struct DicomModule {
  /// Decodes the one image of a file whose outline (kWhole) is given.
  Result<RawImage> (*decode)(std::span<const std::byte> file,
                             const DicomOutline& outline);
  /// The values of some elements of a data set, in the order of `tags`: texts
  /// without padding, several values joined with a backslash, empty where
  /// absent. `header` is a file up to its outline's header_end.
  Result<std::vector<std::string>> (*read_texts)(
      std::span<const std::byte> header, std::span<const DicomTag> tags);
  /// The tag of a keyword of the standard, as PatientID. kInvalid for others.
  Result<DicomTag> (*find_keyword)(std::string_view keyword);
};

/// The name of the module's one function, which returns it.
inline constexpr const char* kDicomModuleFunction = "besom_dicom_module";
using DicomModuleFunction = const DicomModule*();

/// Loads the module at the first call; it stays until the process ends. Its 20
/// libraries would double the time in which every verb starts. kUnavailable
/// when it, or DCMTK's dictionary, is missing. Any thread.
Result<const DicomModule*> LoadDicomModule();

}  // namespace besom::stages
