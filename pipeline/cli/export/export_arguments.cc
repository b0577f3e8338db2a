#include "pipeline/cli/export/export_arguments.h"

namespace besom::cli {

void AddExportOptions(CLI::App& verb, ExportArguments& arguments) {
  verb.add_option("trial", arguments.trial,
                  "The trial's id, an unambiguous beginning of it, or best")
      ->required()
      ->type_name("TRIAL");
  verb.add_option("-o,--output", arguments.folder,
                  "Folder for the model, model.json and MODEL_CARD.md")
      ->required()
      ->type_name("DIR");
  verb.add_option("--format", arguments.format,
                  "safetensors (tensors by torchvision's names), torchscript "
                  "(model.pt) or onnx: pixels in, probabilities out")
      ->required()
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"safetensors", "torchscript", "onnx"}));
  verb.add_option("--sweep", arguments.sweep,
                  "Sweep of the trial; default the only one");
  verb.add_flag("--refit", arguments.refit,
                "One network trained anew on all images that the fits trained "
                "or validated on, instead of the mean of the fits; trained at "
                "the first call. It has no held-out figures of its own: those "
                "of the trial are of its fits");
}

std::vector<std::string> ExportArguments::ForWorker() const {
  std::vector<std::string> words = {
      "export",   "--workspace", workspace.string(), "--output", folder,
      "--format", format};
  if (!sweep.empty()) words.insert(words.end(), {"--sweep", sweep});
  if (refit) words.push_back("--refit");
  words.insert(words.end(), {"--", trial});
  return words;
}

}  // namespace besom::cli
