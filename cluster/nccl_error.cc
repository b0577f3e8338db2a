#include "cluster/nccl_error.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <nccl.h>

namespace besom::cluster {
namespace {

constexpr char kNetwork[] =
    "set NCCL_SOCKET_IFNAME to the network between the hosts (`ip addr` lists "
    "them) and let it through the firewall";

std::string Cure(ncclResult_t result) {
  switch (result) {
    case ncclUnhandledCudaError:
      return "look with `nvidia-smi` for a driver that is too old for CUDA 13 "
             "and for a GPU without free memory; NCCL_DEBUG=INFO names the "
             "call";
    case ncclSystemError:
      return fmt::format(
          "{}; in a container give /dev/shm 1 GiB or more (docker run "
          "--shm-size=1g); NCCL_DEBUG=INFO names the call",
          kNetwork);
    case ncclRemoteError:
    case ncclTimeout:
      return fmt::format(
          "look for the first error of another rank; without one: {}",
          kNetwork);
    case ncclInvalidArgument:
    case ncclInvalidUsage:
      return "make sure that all ranks run the same build and have a GPU each; "
             "NCCL_DEBUG=WARN tells more";
    default:
      return "run again with NCCL_DEBUG=INFO to see what NCCL did";
  }
}

}  // namespace

Status NcclStatus(int result, std::string_view call, std::string_view details) {
  const auto code = static_cast<ncclResult_t>(result);
  if (code == ncclSuccess) return Status::Ok();
  std::string cause = fmt::format("{}: {}", call, ncclGetErrorString(code));
  if (!details.empty()) cause += fmt::format(" ({})", details);
  return Status(StatusCode::kUnavailable, "NCCL", std::move(cause), Cure(code));
}

Status CudaStatus(int error, std::string_view call) {
  const auto code = static_cast<cudaError_t>(error);
  if (code == cudaSuccess) return Status::Ok();
  const bool memory = code == cudaErrorMemoryAllocation;
  return Status(
      StatusCode::kUnavailable, "CUDA",
      fmt::format("{}: {}", call, cudaGetErrorString(code)),
      memory ? "start fewer ranks for each GPU, or free its memory "
               "(`nvidia-smi` shows who has it)"
             : "`nvidia-smi` must list the GPU, and its driver must be new "
               "enough for CUDA 13; CUDA_VISIBLE_DEVICES must name it");
}

Status NcclStartTimeout(double seconds) {
  return Status(
      StatusCode::kUnavailable, "NCCL",
      fmt::format("did not start within {:g} s", seconds),
      fmt::format("look for an error of another rank; without one: {}; "
                  "NCCL_DEBUG=INFO tells how far each rank came",
                  kNetwork));
}

}  // namespace besom::cluster
