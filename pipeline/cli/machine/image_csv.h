#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/cli/machine/folder_layout.h"

namespace besom::cli {

/// The rows of a CSV file (RFC 4180), the header first. Empty when it cannot
/// be read as one.
std::vector<std::vector<std::string>> ReadCsvRows(const Path& file);

/// Which column of a CSV file names images that lie beside it (or in a folder
/// beside it), which holds their labels and which the patient. Nothing when
/// there is no such column, or no column with 1 to 20 different labels.
std::optional<ImageTableFile> RecogniseImageCsv(const Path& file);

}  // namespace besom::cli
