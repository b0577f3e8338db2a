#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "cluster/interrupt.h"
#include "pipeline/cli/machine/fetch/weights_fetch.h"
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

/// False when a signal came first.
bool Sleep(const cluster::Interrupt& interrupt, double seconds) {
  pollfd wanted{interrupt.fd(), POLLIN, 0};
  ::poll(&wanted, 1, static_cast<int>(seconds * 1000));
  return !interrupt.requested();
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

/// Fetches all of `names`; the exit code is that of the first that failed.
int FetchAll(const std::vector<std::string>& names,
             const FetchOptions& options) {
  const auto registry = stages::WeightsRegistry::Load();
  if (!registry.ok()) return ReportError(registry.status());
  const auto http = LoadHttpClient();
  if (!http.ok()) return ReportError(http.status());
  cluster::Interrupt interrupt;
  const SystemClock clock;
  FetchProgress progress(clock, ::isatty(2) == 1);
  const DownloadServices services{
      .http = **http,
      .wait = [&](double seconds) { return Sleep(interrupt, seconds); },
      .stopped = [&] { return interrupt.requested(); },
      .progress = [&](const DownloadProgress& p) { progress.Show(p); },
      .note =
          [&](const std::string& words) {
            progress.EndLine();
            fmt::print(stderr, "besom: {}\n", words);
          }};
  int code = 0;
  for (const std::string& name : names) {
    const Result<Path> path =
        WeightsFetcher(*registry, options, services).Fetch(name);
    progress.EndLine();
    if (path.ok()) {
      fmt::print("{}\n", path->string());
      continue;
    }
    const int failed = ReportError(path.status());
    if (code == 0) code = failed;
    if (interrupt.requested()) break;
  }
  return code;
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

void AddPath(CLI::App& weights, VerbAction& action) {
  const auto name = std::make_shared<std::string>();
  CLI::App* verb =
      weights.add_subcommand("path", "Where weights lie, if they are here");
  verb->add_option("name", *name, "A backbone or a name of `weights list`")
      ->required();
  verb->callback(
      [&action, name] { action = [name] { return PrintPath(*name); }; });
}

void AddFetch(CLI::App& weights, VerbAction& action) {
  struct Command {
    std::vector<std::string> names;
    FetchOptions options;
  };
  const auto command = std::make_shared<Command>();
  CLI::App* verb = weights.add_subcommand(
      "fetch",
      "Download published weights, check and convert them; goes on where a "
      "broken off call ended");
  verb->add_option("names", command->names,
                   "Backbones or names of `weights list`")
      ->required();
  FetchOptions& options = command->options;
  verb->add_option("--retries", options.retries,
                   "Tries in a row that bring nothing before giving up")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  verb->add_option("--retry-wait", options.retry_wait,
                   "Seconds before the first of them; doubled each time")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  verb->add_option("--stall", options.stall_seconds,
                   "Seconds without bytes that end a connection")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  verb->callback([&action, command] {
    action = [command] { return FetchAll(command->names, command->options); };
  });
}

}  // namespace

void AddWeightsVerb(CLI::App& app, VerbAction& action) {
  CLI::App* weights = app.add_subcommand(
      "weights", "Pretrained weights: what is here, and how to add some");
  weights->require_subcommand(1);
  AddList(*weights, action);
  AddPath(*weights, action);
  AddFetch(*weights, action);
  AddImport(*weights, action);
}

}  // namespace besom::cli
