#include "stages/model/numerics_tag.h"

#include <cpuid.h>
#include <fmt/format.h>

#include <cctype>
#include <cstdint>
#include <cstdlib>

namespace besom::stages {
namespace {

/// Engines with their versions; OpenVINO's is empty where it was not found.
constexpr std::string_view kLibTorch = BESOM_LIBTORCH;
constexpr std::string_view kOpenVino = BESOM_OPENVINO;

/// Settings by which a user may hold the engines' libraries to other kernels.
constexpr const char* kKernelSettings[] = {"ATEN_CPU_CAPABILITY",
                                           "ONEDNN_MAX_CPU_ISA",
                                           "DNNL_MAX_CPU_ISA",
                                           "OV_CPU_MAX_ISA",
                                           "ONEDNN_CPU_ISA_HINTS",
                                           "DNNL_CPU_ISA_HINTS",
                                           "ONEDNN_DEFAULT_FPMATH_MODE",
                                           "DNNL_DEFAULT_FPMATH_MODE",
                                           "MKL_CBWR",
                                           "MKL_ENABLE_INSTRUCTIONS"};

/// A name as a part of a tag: lower case, without spaces and slashes.
std::string AsPart(std::string_view name) {
  std::string part;
  for (const char c : name)
    part +=
        c == ' ' || c == '/'
            ? '-'
            : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return part.empty() ? "any" : part;
}

std::string_view PartOf(std::string_view tag, int index) {
  for (; index > 0; --index) {
    const std::size_t slash = tag.find('/');
    if (slash == std::string_view::npos) return "";
    tag.remove_prefix(slash + 1);
  }
  return tag.substr(0, tag.find('/'));
}

std::string CpuTag(std::string_view engine, std::string_view precision) {
  std::string tag = fmt::format(
      "cpu/{}/{}/{}", engine, precision,
      precision == "bf16" ? Bf16InstructionSetClass() : InstructionSetClass());
  for (const char* name : kKernelSettings)
    if (const char* value = std::getenv(name); value != nullptr && *value)
      tag += fmt::format("/{}={}", name, value);
  return tag;
}

/// The low half of XCR0. REQUIRES: a processor with AVX.
std::uint32_t EnabledState() {
  std::uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

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

std::string Bf16InstructionSetClass() {
  if (InstructionSetClass() != "avx512") return "";
  // Compilers name these features differently: bits of CPUID leaf 7 (Intel SDM,
  // volume 2A), AMX_BF16 of sub-leaf 0 and AVX512_BF16 of sub-leaf 1; the state
  // of tiles must be saved by the system, bits 17 and 18 of XCR0.
  constexpr std::uint32_t kAmxBf16 = 1U << 22, kAvx512Bf16 = 1U << 5,
                          kTiles = 3U << 17;
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBf16) != 0 &&
      (EnabledState() & kTiles) == kTiles)
    return "amx";
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvx512Bf16) != 0)
    return "avx512-bf16";
  return "";
}

std::string NumericsTag(std::string_view precision, std::string_view device,
                        std::string_view gpu_model) {
  if (device == "cpu")
    return CpuTag(kOpenVino.empty() ? kLibTorch : kOpenVino, precision);
  return fmt::format("{}/{}/{}/{}", device.substr(0, device.find(':')),
                     kLibTorch, precision, AsPart(gpu_model));
}

std::vector<std::string> OfferedNumerics(std::string_view gpu_model) {
  std::vector<std::string> offered;
  if (!gpu_model.empty())
    offered.push_back(NumericsTag("fp32", "cuda", gpu_model));
  if (!kOpenVino.empty()) offered.push_back(CpuTag(kOpenVino, "fp32"));
  offered.push_back(CpuTag(kLibTorch, "fp32"));
  if (!kOpenVino.empty() && !Bf16InstructionSetClass().empty())
    offered.push_back(CpuTag(kOpenVino, "bf16"));
  return offered;
}

std::string_view DeviceKindOf(std::string_view tag) { return PartOf(tag, 0); }

std::string_view EngineOf(std::string_view tag) {
  const std::string_view engine = PartOf(tag, 1);
  return engine.substr(0, engine.find('-'));
}

std::string_view PrecisionOf(std::string_view tag) { return PartOf(tag, 2); }

}  // namespace besom::stages
