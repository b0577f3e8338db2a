#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/safetensors.h"

namespace besom::stages {

/// A TorchScript module before it is compiled. Plain values: only
/// PackTorchScript needs LibTorch.
struct ScriptProgram {
  std::string source;  ///< Of its method forward.
  /// Its parameters, or buffers where they are running statistics; a dot in a
  /// name leads into a submodule. Borrowed.
  std::vector<FloatTensor> tensors;
  /// A TorchScript file whose module becomes the submodule `base`; or empty.
  Path base;
  std::vector<std::string> classes;          ///< Its attribute `classes`.
  std::map<std::string, std::string> files;  ///< Extra files, name to text.
};

/// Compiles it with LibTorch: the bytes of a file that torch.jit.load reads.
/// kInvalid when `base` cannot be taken in. Whoever calls it links
/// besom::model, or besom::engine_loader, which loads that at the first call.
Result<std::string> PackTorchScript(const ScriptProgram& program);

}  // namespace besom::stages
