#pragma once

#include <string>

#include "pipeline/base/result.h"

namespace besom::cluster {

/// The version of the NCCL that this program runs with, e.g. "2.30.4". Needs
/// no GPU and no driver.
Result<std::string> NcclVersion();

}  // namespace besom::cluster
