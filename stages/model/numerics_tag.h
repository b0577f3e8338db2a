#pragma once

#include <string>
#include <string_view>

#include "pipeline/base/result.h"

namespace besom::stages {

/// What, beside parameters and inputs, decides the bits of computed numbers:
/// device kind, engine and its version, precision, instruction-set class
/// ("cpu/openvino-2026.4.1/fp32/avx512"). Environment settings that change the
/// engine's choice of kernels are part of it. Loads no engine.
/// `precision` is resolved: never "auto".
std::string NumericsTag(std::string_view precision,
                        std::string_view device = "cpu");

/// The widest instruction set that this processor and system offer for
/// `precision`, as the engine classes them: "avx512", "avx2" or "baseline";
/// for bf16 "amx" or "avx512_bf16" where there is such a one.
std::string InstructionSetClass(std::string_view precision = "fp32");

/// Whether this processor and system multiply bf16 numbers themselves, and no
/// environment setting forbids it.
bool HasNativeBf16();

/// What `model.precision` means on a device ("cpu", "cuda:N") of this machine:
/// auto is bf16 where it is native and built, else fp32. Other names stay.
std::string ResolvePrecision(std::string_view wanted, std::string_view device);

/// kUnavailable for bf16 on a CPU that does not have it or without OpenVINO;
/// kInvalid for bf16 on GPUs (not built yet) and for unknown names.
Status CheckPrecision(std::string_view precision, std::string_view device);

}  // namespace besom::stages
