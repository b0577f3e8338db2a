#pragma once

#include "pipeline/run/standing.h"

namespace besom::cli {

/// As run::FindStanding, with what this machine offers.
Result<run::Standing> StandingHere(const run::RunOptions& options);

}  // namespace besom::cli
