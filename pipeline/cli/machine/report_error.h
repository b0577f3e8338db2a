#pragma once

#include "pipeline/base/status.h"

namespace besom::cli {

/// Prints `status` to stderr and returns the exit code that it means.
/// REQUIRES: !status.ok().
int ReportError(const Status& status);

}  // namespace besom::cli
