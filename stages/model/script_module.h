#pragma once

#include <torch/csrc/jit/api/module.h>

#include "pipeline/base/result.h"
#include "stages/model/script_program.h"

namespace besom::stages {

/// The program as a module of LibTorch, with numbers of its own. Errors as
/// PackTorchScript's.
Result<torch::jit::Module> CompileScript(const ScriptProgram& program);

}  // namespace besom::stages
