#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace besom::stages {

/// What, beside parameters and inputs, decides the bits of computed numbers:
/// device kind, engine and its version, precision, instruction-set class
/// ("cpu/openvino-2026.4.1/fp32/avx512"). The engine is the one that is
/// preferred on that device. Environment settings that change the
/// engines' choice of kernels are part of it. A GPU's instruction-set class is
/// its model, `gpu_model`, in lower case ("nvidia-h100-80gb-hbm3"). Loads no
/// engine.
std::string NumericsTag(std::string_view precision,
                        std::string_view device = "cpu",
                        std::string_view gpu_model = "");

/// The tags with which this process can compute: on a GPU of that model where
/// it is not empty, then on the CPU: with OpenVINO where this program was built
/// with it, then with LibTorch, so that sweeps which began without OpenVINO go
/// on; last bf16 with OpenVINO where the processor multiplies in bf16. A task
/// is computed with the engine that its tag names.
std::vector<std::string> OfferedNumerics(std::string_view gpu_model);

/// Parts of a tag: "cpu" or "cuda"; "openvino" or "libtorch", without its
/// version; "fp32" or "bf16".
std::string_view DeviceKindOf(std::string_view tag);
std::string_view EngineOf(std::string_view tag);
std::string_view PrecisionOf(std::string_view tag);

/// The widest instruction set that this processor and system offer, as the
/// engine classes them: "avx512", "avx2" or "baseline".
std::string InstructionSetClass();
/// The same of instructions that multiply bf16: "amx", "avx512-bf16" or empty.
std::string Bf16InstructionSetClass();

}  // namespace besom::stages
