#include "pipeline/cli/evaluate/evaluate_arguments.h"

namespace besom::cli {

void AddEvaluateOptions(CLI::App& verb, EvaluateArguments& arguments) {
  verb.add_option("trial", arguments.trial,
                  "The trial's id, an unambiguous beginning of it, or best")
      ->required()
      ->type_name("TRIAL");
  verb.add_option("--data", arguments.data,
                  "Images with labels that the sweep has not met: a folder "
                  "whose subfolders are called like classes, a YAML file with "
                  "what `evaluate.external` holds, or that YAML itself, e.g. "
                  "'{name: ward, format: csv, path: ward.csv, ...}'")
      ->required()
      ->type_name("SOURCE");
  verb.add_option("--name", arguments.name,
                  "Name of the set where SOURCE is a folder; default the "
                  "folder's")
      ->type_name("SET");
  verb.add_option("--sweep", arguments.sweep,
                  "Sweep of the trial; default the only one");
  verb.footer(
      "The set's figures are stored under its name, beside the trial's others\n"
      "(views metrics, predictions, confusion_matrix, curves, images), and\n"
      "printed; again with the same name replaces them. Images whose patient\n"
      "or picture the trial was trained or validated on are left out\n"
      "(overlap: exclude | keep | error in the YAML). No trial is chosen by "
      "it.");
}

std::vector<std::string> EvaluateArguments::ForWorker() const {
  std::vector<std::string> words = {"evaluate", "--workspace",
                                    workspace.string()};
  if (!sweep.empty()) words.insert(words.end(), {"--sweep", sweep});
  if (!name.empty()) words.insert(words.end(), {"--name", name});
  words.insert(words.end(), {"--data=" + data, "--", trial});
  return words;
}

}  // namespace besom::cli
