#include "pipeline/cli/machine/report_error.h"

#include <fmt/core.h>

namespace besom::cli {

int ReportError(const Status& status) {
  fmt::print(stderr, "besom: {}\n", status.ToString());
  return ExitCodeOf(status);
}

}  // namespace besom::cli
