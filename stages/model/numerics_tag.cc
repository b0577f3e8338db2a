#include "stages/model/numerics_tag.h"

#include <cpuid.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>

namespace besom::stages {
namespace {

/// Settings by which a user may hold the engines' libraries to other
/// instructions ...
constexpr const char* kInstructionLimits[] = {
    "OV_CPU_MAX_ISA", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"};
/// ... or to other kernels.
constexpr const char* kKernelSettings[] = {
    "ATEN_CPU_CAPABILITY",      "ONEDNN_CPU_ISA_HINTS",
    "DNNL_CPU_ISA_HINTS",       "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE", "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS"};

constexpr std::string_view kCpuEngine = BESOM_CPU_ENGINE;
constexpr std::string_view kGpuEngine = BESOM_GPU_ENGINE;

bool IsOpenVino() { return kCpuEngine.substr(0, 8) == "openvino"; }

/// Leaf 7 of cpuid, the given part; the compilers' own query does not know
/// the newest names.
std::array<std::uint32_t, 4> FeatureBits(std::uint32_t part) {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, part, &a, &b, &c, &d) == 0) return {};
  return {a, b, c, d};
}

bool HasAvx512Bf16() {
  constexpr std::uint32_t kAvx512Bf16 = 1U << 5;
  return (FeatureBits(1)[0] & kAvx512Bf16) != 0;
}

/// AMX needs the processor, and a system that gives a process its registers.
bool HasAmxBf16() {
  constexpr std::uint32_t kAmx = (1U << 22) | (1U << 24);  // bf16, tiles.
  if ((FeatureBits(0)[3] & kAmx) != kAmx) return false;
  constexpr long kGetSupported = 0x1021;  // ARCH_GET_XCOMP_SUPP.
  constexpr std::uint64_t kTiles = 3U << 17;
  std::uint64_t granted = 0;
  return ::syscall(SYS_arch_prctl, kGetSupported, &granted) == 0 &&
         (granted & kTiles) == kTiles;
}

const char* SettingOf(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value ? value : nullptr;
}

/// Whether every limit that is set lies above AVX512_CORE, in the order in
/// which oneDNN names instruction sets.
bool LimitsAllow(std::string_view set) {
  static constexpr std::string_view kWithBf16[] = {"avx512_core_bf16",
                                                   "avx512_core_fp16",
                                                   "avx512_core_amx",
                                                   "avx512_core_amx_fp16",
                                                   "avx10_2",
                                                   "avx10_2_amx_2",
                                                   "all",
                                                   "default"};
  const auto* least =
      std::find(std::begin(kWithBf16), std::end(kWithBf16), set);
  return std::all_of(std::begin(kInstructionLimits),
                     std::end(kInstructionLimits), [&](const char* name) {
                       const char* limit = SettingOf(name);
                       if (limit == nullptr) return true;
                       std::string lower = limit;
                       for (char& letter : lower)
                         letter = static_cast<char>(
                             std::tolower(static_cast<unsigned char>(letter)));
                       return std::find(least, std::end(kWithBf16), lower) !=
                              std::end(kWithBf16);
                     });
}

bool UsesAmx() { return HasAmxBf16() && LimitsAllow("avx512_core_amx"); }

}  // namespace

std::string InstructionSetClass(std::string_view precision) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    if (precision == "bf16" && HasNativeBf16())
      return UsesAmx() ? "amx" : "avx512_bf16";
    return "avx512";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return "avx2";
  return "baseline";
}

bool HasNativeBf16() {
  return UsesAmx() || (HasAvx512Bf16() && LimitsAllow("avx512_core_bf16"));
}

std::string ResolvePrecision(std::string_view wanted, std::string_view device) {
  if (wanted != "auto") return std::string(wanted);
  return CheckPrecision("bf16", device).ok() ? "bf16" : "fp32";
}

Status CheckPrecision(std::string_view precision, std::string_view device) {
  constexpr const char* kPlace = "model.precision";
  if (precision == "fp32") return Status::Ok();
  if (precision != "bf16")
    return InvalidError(kPlace, fmt::format("unknown precision {}", precision),
                        "use fp32 or bf16");
  if (device != "cpu")
    return InvalidError(kPlace, "bf16 is not built yet for GPUs", "use fp32");
  if (!IsOpenVino())
    return Status(StatusCode::kUnavailable, kPlace,
                  "bf16 on a CPU needs OpenVINO, which this program was built "
                  "without",
                  "use fp32 or auto, or install the Python package openvino "
                  "and build again");
  if (!HasNativeBf16())
    return Status(StatusCode::kUnavailable, kPlace,
                  "this CPU has no bf16 instructions (AVX512_BF16 or AMX), or "
                  "the environment forbids them",
                  "use fp32 or auto, or another machine");
  return Status::Ok();
}

std::string NumericsTag(std::string_view precision, std::string_view device) {
  const bool cpu = device == "cpu";
  std::string tag =
      fmt::format("{}/{}/{}/{}", device.substr(0, device.find(':')),
                  cpu ? kCpuEngine : kGpuEngine, precision,
                  cpu ? InstructionSetClass(precision) : "any");
  if (!cpu) return tag;
  const auto append = [&tag](const char* name) {
    if (const char* value = SettingOf(name))
      tag += fmt::format("/{}={}", name, value);
  };
  for (const char* name : kInstructionLimits) append(name);
  for (const char* name : kKernelSettings) append(name);
  return tag;
}

}  // namespace besom::stages
