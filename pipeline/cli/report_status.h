#pragma once

#include "pipeline/base/status.h"

namespace besom::cli {

/// Prints an error to stderr ("besom: place: cause\n  cure: ...") and returns
/// its exit code; silent and 0 when OK.
int ReportStatus(const Status& status);

}  // namespace besom::cli
