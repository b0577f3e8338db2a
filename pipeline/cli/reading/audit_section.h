#pragma once

#include <string>

#include "db/reader.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// What the shortcut audit of a sweep has found, as HTML: sentences and the
/// table of all probes. Empty without an audit.
Result<std::string> AuditSection(db::Reader& reader, const std::string& sweep);

}  // namespace besom::cli
