#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "pipeline/cli/machine/machine_verbs.h"
#include "pipeline/cli/machine/report_error.h"
#include "pipeline/cli/machine/weights_folder.h"

namespace besom::cli {
namespace {

int PrintWeights() {
  fmt::print("{}", WeightsTable(ListWeights()));
  return 0;
}

int PrintPath(const std::string& name) {
  const Result<Path> path = FindWeights(name);
  if (!path.ok()) return ReportError(path.status());
  fmt::print("{}\n", path->string());
  return 0;
}

int Import(const Path& file, const std::string& backbone, bool replace) {
  const Result<Path> path = ImportWeights(file, backbone, replace);
  if (!path.ok()) return ReportError(path.status());
  fmt::print("{}\n", path->string());
  return 0;
}

int RefuseFetch(const std::string& name) {
  return ReportError(InvalidError(
      "weights fetch",
      "downloads of weights are not built yet: no file's licence and digest "
      "are pinned here but EfficientNet-Lite0's, which comes with `./besom "
      "build`",
      fmt::format("get {}'s weights as .safetensors (torchvision's parameter "
                  "names), then: besom weights import FILE --backbone {}",
                  name, name)));
}

void AddImport(CLI::App& weights, VerbAction& action) {
  struct Options {
    std::string file, backbone;
    bool replace = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = weights.add_subcommand(
      "import", "Check a .safetensors file and copy it to the weights");
  verb->add_option("file", options->file, "The .safetensors file")->required();
  verb->add_option("--backbone", options->backbone, "Whose weights they are")
      ->required();
  verb->add_flag("--replace", options->replace,
                 "Put it in place of other weights of that backbone");
  verb->callback([&action, options] {
    action = [options] {
      return Import(options->file, options->backbone, options->replace);
    };
  });
}

/// `weights path NAME` and `weights fetch NAME`.
void AddNamed(CLI::App& weights, VerbAction& action, const std::string& name,
              const std::string& help, int (*run)(const std::string&)) {
  const auto backbone = std::make_shared<std::string>();
  CLI::App* verb = weights.add_subcommand(name, help);
  verb->add_option("name", *backbone, "A name of `weights list`")->required();
  verb->callback([&action, backbone, run] {
    action = [backbone, run] { return run(*backbone); };
  });
}

}  // namespace

void AddWeightsVerb(CLI::App& app, VerbAction& action) {
  CLI::App* weights = app.add_subcommand(
      "weights", "Pretrained weights: what is here, and how to add some");
  weights->require_subcommand(1);
  weights
      ->add_subcommand("list",
                       "Every backbone, and whether its weights are here")
      ->callback([&action] { action = PrintWeights; });
  AddNamed(*weights, action, "path", "Where a backbone's weights lie",
           PrintPath);
  AddNamed(*weights, action, "fetch", "Not built yet; says what to do instead",
           RefuseFetch);
  AddImport(*weights, action);
}

}  // namespace besom::cli
