#include "cluster/nccl_version.h"

#include <nccl.h>

namespace besom::cluster {

Result<std::string> NcclVersion() {
  int code = 0;
  const ncclResult_t result = ncclGetVersion(&code);
  if (result != ncclSuccess)
    return Status(StatusCode::kUnavailable, "NCCL", ncclGetErrorString(result),
                  "check the installed NCCL package");
  // Since 2.9 the code is major * 10000 + minor * 100 + patch (nccl.h).
  return std::to_string(code / 10000) + "." + std::to_string(code / 100 % 100) +
         "." + std::to_string(code % 100);
}

}  // namespace besom::cluster
