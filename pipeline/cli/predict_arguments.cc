#include "pipeline/cli/predict_arguments.h"

namespace besom::cli {

void AddPredictOptions(CLI::App& verb, PredictArguments& arguments) {
  verb.add_option("trial", arguments.trial,
                  "The trial's id, an unambiguous beginning of it, or best")
      ->required()
      ->type_name("TRIAL");
  verb.add_option("paths", arguments.paths,
                  "Image files (PNG, JPEG, DICOM), folders of them, quoted "
                  "patterns as 'scans/*.dcm', or - for the names on standard "
                  "input, one a line. Subfolders named like classes give true "
                  "labels")
      ->required()
      ->type_name("PATH...");
  verb.add_option("--sweep", arguments.sweep,
                  "Sweep of the trial; default the only one");
  verb.add_flag("--refit", arguments.refit,
                "One network trained anew on all images that the fits trained "
                "or validated on, instead of the mean of the fits; trained at "
                "the first call. It has no held-out figures of its own: those "
                "of the trial are of its fits");
  CLI::Option* csv =
      verb.add_flag("--csv", arguments.csv, "One line per image");
  verb.add_flag("--json", arguments.json, "One JSON object per image and line")
      ->excludes(csv);
  verb.add_flag("-0,--null", arguments.null,
                "Names on standard input end with NUL, as `find -print0` "
                "writes them");
  verb.footer(
      "An image that cannot be read is a row with the reason, and does not\n"
      "change the exit code. A PATH that names nothing is an error (2).");
}

std::vector<std::string> PredictArguments::ForWorker() const {
  std::vector<std::string> words = {"predict", "--workspace",
                                    workspace.string()};
  if (!sweep.empty()) words.insert(words.end(), {"--sweep", sweep});
  if (refit) words.push_back("--refit");
  if (csv) words.push_back("--csv");
  if (json) words.push_back("--json");
  if (null) words.push_back("--null");
  words.insert(words.end(), {"--", trial});
  words.insert(words.end(), paths.begin(), paths.end());
  return words;
}

}  // namespace besom::cli
