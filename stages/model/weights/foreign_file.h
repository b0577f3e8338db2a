#pragma once

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/safetensors.h"

namespace besom::stages {

/// Opens weights of any format that is read: .safetensors by itself; torch's
/// .pth, .npz, Keras's .h5 and ONNX through read_weights.py, in a process of
/// its own with limits (those libraries parse what strangers wrote). That
/// process writes a file in `scratch`, which is gone when this returns; the
/// names and types are the file's own. Its metadata key "format" is "torch",
/// "npz", "keras" or "onnx".
///
/// kInvalid: not such a file, damaged, or one that asks for code to be run;
/// kUnavailable: the Python environment of the set-up is missing; kIo.
Result<Safetensors> OpenForeignWeights(const Path& file, const Path& scratch);

}  // namespace besom::stages
