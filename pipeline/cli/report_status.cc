#include "pipeline/cli/report_status.h"

#include <cstdio>

namespace besom::cli {

int ReportStatus(const Status& status) {
  if (!status.ok())
    std::fprintf(stderr, "besom: %s\n", status.ToString().c_str());
  return ExitCodeOf(status);
}

}  // namespace besom::cli
