#pragma once

#include <string_view>

#include "pipeline/base/status.h"

namespace besom::cluster {

/// The Status of an MPI return code of `call` ("MPI_Isend"): OK for success,
/// else kIo with MPI's own words and the likely cure.
Status MpiStatus(int code, std::string_view call);

/// True when `code` says that a rank has died (and the MPI can tell).
bool IsRankFailure(int code);

}  // namespace besom::cluster
