#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "pipeline/cli/machine/machine_verbs.h"
#include "pipeline/cli/machine/report_error.h"
#include "pipeline/cli/machine/weights_import.h"
#include "pipeline/cli/machine/weights_listing.h"

namespace besom::cli {
namespace {

Result<std::string> TableOf(const std::string& format) {
  BESOM_ASSIGN_OR_RETURN(const auto registry, stages::WeightsRegistry::Load());
  return WeightsTable(ListWeights(registry), TableFormatOf(format));
}

int PrintWeights(const std::string& format) {
  const Result<std::string> table = TableOf(format);
  if (!table.ok()) return ReportError(table.status());
  fmt::print("{}", *table);
  return 0;
}

Result<Path> PathOf(const std::string& name) {
  BESOM_ASSIGN_OR_RETURN(const auto registry, stages::WeightsRegistry::Load());
  return FindNamedWeights(name, registry);
}

int PrintPath(const std::string& name) {
  const Result<Path> path = PathOf(name);
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

void AddList(CLI::App& weights, VerbAction& action) {
  const auto format = std::make_shared<std::string>("table");
  CLI::App* verb = weights.add_subcommand(
      "list", "Every backbone's weights, and whether they are here");
  verb->add_option("-f,--format", *format, "How to print them")
      ->check(CLI::IsMember(TableFormatNames()))
      ->capture_default_str();
  verb->callback([&action, format] {
    action = [format] { return PrintWeights(*format); };
  });
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
  AddList(*weights, action);
  AddNamed(*weights, action, "path", "Where a backbone's weights lie",
           PrintPath);
  AddNamed(*weights, action, "fetch", "Not built yet; says what to do instead",
           RefuseFetch);
  AddImport(*weights, action);
}

}  // namespace besom::cli
