#pragma once

#include <optional>
#include <string>

#include "db/reader.h"
#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::cli {

struct ReportOptions {
  std::string sweep;  ///< An existing sweep.
  /// A PNG of augmented views to show; none = no such section.
  std::optional<Path> contact_sheet;
};

/// The report of a sweep as one HTML page that needs nothing from outside: no
/// script, no network (its content policy forbids both), every text escaped.
Result<std::string> ReportPage(db::Reader& reader,
                               const ReportOptions& options);

}  // namespace besom::cli
