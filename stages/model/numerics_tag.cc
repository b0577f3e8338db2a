#include "stages/model/numerics_tag.h"

#include <fmt/format.h>

#include <cstdlib>

namespace besom::stages {
namespace {

/// Settings by which a user may hold the engine's libraries to other kernels.
constexpr const char* kKernelSettings[] = {
    "ATEN_CPU_CAPABILITY",      "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",         "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE", "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS"};

}  // namespace

std::string InstructionSetClass() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    return "avx512";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return "avx2";
  return "baseline";
}

std::string NumericsTag(std::string_view precision, std::string_view device) {
  const bool cpu = device == "cpu";
  std::string tag = fmt::format(
      "{}/{}/{}/{}", device.substr(0, device.find(':')), BESOM_ENGINE_VERSION,
      precision, cpu ? InstructionSetClass() : "any");
  if (!cpu) return tag;
  for (const char* name : kKernelSettings)
    if (const char* value = std::getenv(name); value != nullptr && *value)
      tag += fmt::format("/{}={}", name, value);
  return tag;
}

}  // namespace besom::stages
