#include "stages/model/export/model_files.h"

#include <fmt/format.h>

#include "stages/model/export/onnx_target.h"
#include "stages/model/export/script_target.h"
#include "stages/model/script_program.h"

namespace besom::stages {
namespace {

Result<std::string> PackTensors(const ExportedModel& model,
                                ModelMetadata metadata) {
  if (!model.script.empty())
    return InvalidError(
        "export",
        "a base from a TorchScript file is a program, not only tensors",
        "use --format torchscript");
  BESOM_ASSIGN_OR_RETURN(const TensorList tensors, TensorsOf(model));
  metadata["format"] = "pt";
  return PackSafetensors(tensors.tensors(), metadata);
}

Result<std::string> PackScript(const ExportedModel& model,
                               const ModelMetadata& metadata) {
  ScriptTarget target;
  BESOM_RETURN_IF_ERROR(BuildGraph(model, target));
  BESOM_ASSIGN_OR_RETURN(const TensorList tensors, TensorsOf(model));
  return PackTorchScript({.source = target.source(),
                          .tensors = tensors.tensors(),
                          .base = model.script,
                          .classes = model.classes(),
                          .files = metadata});
}

Result<std::string> PackOnnx(const ExportedModel& model,
                             const ModelMetadata& metadata) {
  OnnxTarget target(static_cast<int>(model.classes().size()), model.size);
  BESOM_RETURN_IF_ERROR(BuildGraph(model, target));
  BESOM_ASSIGN_OR_RETURN(const TensorList tensors, TensorsOf(model));
  return target.Pack(tensors, "besom", metadata);
}

}  // namespace

Result<ExportFormat> ParseExportFormat(std::string_view word) {
  if (word == "safetensors") return ExportFormat::kSafetensors;
  if (word == "torchscript") return ExportFormat::kTorchScript;
  if (word == "onnx") return ExportFormat::kOnnx;
  return InvalidError("--format", fmt::format("unknown format {}", word),
                      "use safetensors, torchscript or onnx");
}

std::string_view EndingOf(ExportFormat format) {
  switch (format) {
    case ExportFormat::kSafetensors:
      return ".safetensors";
    case ExportFormat::kTorchScript:
      return ".pt";
    case ExportFormat::kOnnx:
      return ".onnx";
  }
  return "";
}

Result<std::string> PackModel(const ExportedModel& model, ExportFormat format,
                              const ModelMetadata& metadata) {
  switch (format) {
    case ExportFormat::kSafetensors:
      return PackTensors(model, metadata);
    case ExportFormat::kTorchScript:
      return PackScript(model, metadata);
    case ExportFormat::kOnnx:
      return PackOnnx(model, metadata);
  }
  return InternalError("export", "a format without a writer");
}

}  // namespace besom::stages
