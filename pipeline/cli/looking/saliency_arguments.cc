#include "pipeline/cli/looking/saliency_arguments.h"

namespace besom::cli {

void AddSaliencyOptions(CLI::App& verb, SaliencyArguments& arguments) {
  verb.add_option("trial", arguments.trial,
                  "The trial's id, an unambiguous beginning of it, or best")
      ->required()
      ->type_name("TRIAL");
  verb.add_option("images", arguments.images,
                  "Image files, or images of the sweep as `mistakes` names "
                  "them")
      ->required()
      ->type_name("IMAGE...");
  verb.add_option("-o,--output", arguments.folder, "Folder for the pictures")
      ->type_name("DIR")
      ->capture_default_str();
  verb.add_option("--class", arguments.target,
                  "What speaks for this class; default the predicted one")
      ->type_name("CLASS");
  verb.add_option("--method", arguments.method,
                  "gradcam: gradients at the last map; occlusion: how much "
                  "the probability falls under a patch of grey")
      ->check(CLI::IsMember({"gradcam", "occlusion"}))
      ->capture_default_str();
  verb.add_flag("--json", arguments.json,
                "Also write the map's numbers, as NAME.json");
  verb.add_option("--sweep", arguments.sweep,
                  "Sweep of the trial; default the only one");
}

std::vector<std::string> SaliencyArguments::ForWorker() const {
  std::vector<std::string> words = {
      "saliency", "--workspace", workspace.string(), "--output", folder,
      "--method", method};
  if (!target.empty()) words.insert(words.end(), {"--class", target});
  if (!sweep.empty()) words.insert(words.end(), {"--sweep", sweep});
  if (json) words.push_back("--json");
  words.insert(words.end(), {"--", trial});
  words.insert(words.end(), images.begin(), images.end());
  return words;
}

}  // namespace besom::cli
