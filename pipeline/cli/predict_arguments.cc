#include "pipeline/cli/predict_arguments.h"

namespace besom::cli {

void AddPredictOptions(CLI::App& verb, PredictArguments& arguments) {
  verb.add_option("trial", arguments.trial,
                  "The trial's id, an unambiguous beginning of it, or best")
      ->required()
      ->type_name("TRIAL");
  verb.add_option("paths", arguments.paths,
                  "Image files, or folders of them; subfolders named like "
                  "classes give true labels")
      ->required()
      ->type_name("PATH...");
  verb.add_option("--sweep", arguments.sweep,
                  "Sweep of the trial; default the only one");
  verb.add_flag("--csv", arguments.csv, "One line per image");
}

std::vector<std::string> PredictArguments::ForWorker() const {
  std::vector<std::string> words = {"predict", "--workspace",
                                    workspace.string()};
  if (!sweep.empty()) words.insert(words.end(), {"--sweep", sweep});
  if (csv) words.push_back("--csv");
  words.insert(words.end(), {"--", trial});
  words.insert(words.end(), paths.begin(), paths.end());
  return words;
}

}  // namespace besom::cli
