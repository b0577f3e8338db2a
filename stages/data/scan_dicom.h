#pragma once

#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/scan_folder.h"

namespace besom::stages {

/// Finds the images of a `dicom_folder` source, sorted by path: reads the
/// headers of its files, by `threads` readers, and a table where one is given.
/// Groups are filled where the table's column, the pattern or the tag tells
/// them; patients' numbers as PatientDigest says, unless the source asks for
/// them plainly. kInvalid for a tag, table or column that does not exist.
Result<std::vector<FoundImage>> ScanDicomFolder(const SourceSettings& source,
                                                int threads,
                                                std::string_view patient_key);

/// What stands for a patient's number: 16 hexadecimal digits of SHA-256 over
/// the key (may be empty), the id space `patients` and the number.
std::string PatientDigest(std::string_view key, std::string_view patients,
                          std::string_view number);

}  // namespace besom::stages
