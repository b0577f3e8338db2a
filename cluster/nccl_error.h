#pragma once

#include <string_view>

#include "pipeline/base/status.h"

namespace besom::cluster {

/// The Status of an ncclResult_t of `call`: OK for ncclSuccess, else
/// kUnavailable with NCCL's words, `details` (ncclGetLastError) and the likely
/// cure.
Status NcclStatus(int result, std::string_view call,
                  std::string_view details = "");

/// The Status of a cudaError_t of `call`, alike.
Status CudaStatus(int error, std::string_view call);

/// NCCL did not start within `seconds`.
Status NcclStartTimeout(double seconds);

}  // namespace besom::cluster
