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

void Note(const std::string& what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  fmt::print(
      stderr, "besom: {} ({}{})\n", what, names.front(),
      names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "");
}

Result<ImportedWeights> TryImport(const ImportOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const auto registry, stages::WeightsRegistry::Load());
  return ImportWeights(options, registry);
}

int Import(const ImportOptions& options) {
  const Result<ImportedWeights> imported = TryImport(options);
  if (!imported.ok()) return ReportError(imported.status());
  fmt::print(
      stderr, "besom: weights of {}{}\n", imported->backbone,
      imported->entry.empty() ? "" : fmt::format(": {}", imported->entry));
  Note("left out what is beyond the base", imported->match.beyond);
  Note("made three channels of one", imported->match.widened);
  fmt::print("{}\n", imported->path.string());
  return 0;
}

int RefuseFetch(const std::string& name) {
  return ReportError(InvalidError(
      "weights fetch",
      "downloads of weights are not built yet: no file's licence and digest "
      "are pinned here but EfficientNet-Lite0's, which comes with `./besom "
      "build`",
      fmt::format(
          "get {}'s weights, then: besom weights import FILE --architecture {}",
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
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* verb = weights.add_subcommand(
      "import",
      "Convert and check a file: torch's .pth, Keras's .h5, .npz, .onnx, "
      ".safetensors");
  verb->add_option("file", options->file, "The file")->required();
  verb->add_option("--architecture,--backbone", options->architecture,
                   "Whose weights they are; default: the backbone that fits");
  verb->add_option("--name", options->name,
                   "What `model.weights` calls them; default: the published "
                   "file's name, else the backbone's (found as `imagenet`)");
  verb->add_option("--preprocessing", options->preprocessing,
                   "What pixels go through: caffe, torch, tf, unit, or JSON; "
                   "default: what is known of the file");
  verb->add_option("--license", options->license, "A word on their licence");
  verb->add_flag("--replace", options->replace,
                 "Put them in place of other weights of that name");
  verb->callback(
      [&action, options] { action = [options] { return Import(*options); }; });
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
