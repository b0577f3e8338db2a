#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace besom::stages {

/// What, beside parameters and inputs, decides the bits of computed numbers:
/// device kind, engine and its version, precision, instruction-set class
/// ("cpu/libtorch-2.15.0/fp32/avx512"). Environment settings that change the
/// engine's choice of kernels are part of it. A GPU's instruction-set class is
/// its model, `gpu_model`, in lower case ("nvidia-h100-80gb-hbm3"). Loads no
/// engine.
std::string NumericsTag(std::string_view precision,
                        std::string_view device = "cpu",
                        std::string_view gpu_model = "");

/// The tags with which this process can compute: on a GPU of that model where
/// it is not empty, then on the CPU.
std::vector<std::string> OfferedNumerics(std::string_view gpu_model);

/// Parts of a tag: "cpu" or "cuda"; "fp32" or "bf16".
std::string_view DeviceKindOf(std::string_view tag);
std::string_view PrecisionOf(std::string_view tag);

/// The widest instruction set that this processor and system offer, as the
/// engine classes them: "avx512", "avx2" or "baseline".
std::string InstructionSetClass();

}  // namespace besom::stages
