#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pipeline/base/result.h"
#include "stages/model/export/exported_model.h"

namespace besom::stages {

/// Files that a trained model is written as.
enum class ExportFormat { kSafetensors, kTorchScript, kOnnx };

/// "safetensors", "torchscript" or "onnx"; kInvalid for any other word.
Result<ExportFormat> ParseExportFormat(std::string_view word);

/// How files of the format end: ".safetensors", ".pt", ".onnx".
std::string_view EndingOf(ExportFormat format);

/// Said of a model in its file: keys and texts.
using ModelMetadata = std::map<std::string, std::string>;

/// The file's bytes; equal models give equal bytes (of TorchScript: the same
/// members). TorchScript keeps `metadata` as extra files. kInvalid for what the
/// format cannot hold; else errors of the weights. TorchScript needs
/// PackTorchScript (see there what to link).
Result<std::string> PackModel(const ExportedModel& model, ExportFormat format,
                              const ModelMetadata& metadata);

}  // namespace besom::stages
