#include "cluster/cuda_devices.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "cluster/nccl_error.h"

namespace besom::cluster {
namespace {

Result<cudaDeviceProp> PropertiesOf(int device) {
  cudaDeviceProp properties{};
  BESOM_RETURN_IF_ERROR(CudaStatus(cudaGetDeviceProperties(&properties, device),
                                   fmt::format("GPU {}", device)));
  return properties;
}

std::string UuidText(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

}  // namespace

Result<std::string> DeviceUuid(int device) {
  BESOM_ASSIGN_OR_RETURN(const cudaDeviceProp properties, PropertiesOf(device));
  return UuidText(properties.uuid);
}

Result<std::vector<Gpu>> CudaDevices() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorNoDevice) return std::vector<Gpu>();
  // Also what it says where there is no driver at all.
  if (error == cudaErrorInsufficientDriver &&
      MachineGpus(kDriverFolder).empty())
    return std::vector<Gpu>();
  BESOM_RETURN_IF_ERROR(CudaStatus(error, "cudaGetDeviceCount"));
  std::vector<Gpu> gpus;
  for (int device = 0; device < count; ++device) {
    BESOM_ASSIGN_OR_RETURN(const cudaDeviceProp properties,
                           PropertiesOf(device));
    gpus.push_back({UuidText(properties.uuid), properties.name});
  }
  return gpus;
}

}  // namespace besom::cluster
