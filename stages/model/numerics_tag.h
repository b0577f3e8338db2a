#pragma once

#include <string>
#include <string_view>

namespace besom::stages {

/// What, beside parameters and inputs, decides the bits of computed numbers:
/// device kind, engine and its version, precision, instruction-set class
/// ("cpu/libtorch-2.15.0/fp32/avx512"). Environment settings that change the
/// engine's choice of kernels are part of it. Loads no engine.
std::string NumericsTag(std::string_view precision,
                        std::string_view device = "cpu");

/// The widest instruction set that this processor and system offer, as the
/// engine classes them: "avx512", "avx2" or "baseline".
std::string InstructionSetClass();

}  // namespace besom::stages
