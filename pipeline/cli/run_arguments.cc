#include "pipeline/cli/run_arguments.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "pipeline/run/stage_versions.h"

namespace besom::cli {

Path WorkspaceOf(const GlobalOptions& global) {
  if (!global.workspace.empty()) return global.workspace;
  const char* variable = std::getenv("BESOM_WORKSPACE");
  return variable && *variable ? variable : "besom-runs";
}

void AddSpecOptions(CLI::App& verb, RunArguments& arguments) {
  verb.add_option("spec", arguments.options.spec, "The sweep's YAML file")
      ->required()
      ->type_name("SPEC");
  verb.add_option("--set", arguments.options.overrides,
                  "Override a value: path=value; may be repeated")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CLI::Option* AddShardOption(CLI::App& verb, RunArguments& arguments) {
  return verb
      .add_option_function<std::string>(
          "--shard",
          [&options = arguments.options](const std::string& text) {
            const Result<SweepShard> shard = SweepShard::Parse(text);
            if (!shard.ok())
              throw CLI::ValidationError("--shard", shard.status().ToString());
            options.shard = *shard;
          },
          "Run part I of K of the sweep (I from 0), beside the others; the "
          "last one, or `besom run SPEC`, brings them together")
      ->type_name("I/K");
}

void AddRunOptions(CLI::App& verb, RunArguments& arguments) {
  run::RunOptions& options = arguments.options;
  AddSpecOptions(verb, arguments);
  verb.add_option("-n,--ranks", arguments.ranks,
                  "Ranks to start with mpirun; default: one per GPU, else one "
                  "with all cores")
      ->check(CLI::Range(1, 100'000));
  verb.add_flag("--dry-run", arguments.dry_run,
                "Plan only: run nothing, write nothing");
  CLI::Option* const until =
      verb.add_option("--until", options.until, "Stop after this stage")
          ->check(CLI::IsMember(run::StageOrder()));
  verb.add_option("--limit", options.limit, "At most N new trials")
      ->check(CLI::PositiveNumber);
  verb.add_flag("-k,--keep-going", options.keep_going,
                "Go on however many trials fail");
  verb.add_flag("--fail-fast", options.fail_fast,
                "Start nothing more after a trial failed");
  verb.add_option("--rerun", options.rerun,
                  "Run again: failed, all, or one trial");
  CLI::Option* const wait = verb.add_flag(
      "--wait", options.wait, "Wait for another run of the same sweep to end");
  verb.add_flag("--steal", options.steal,
                "Take the sweep over from a run that you know is dead")
      ->excludes(wait);
  // What a job script knows, and nobody else.
  verb.add_option("--end-by", options.end_by,
                  "When the job ends, seconds since 1970")
      ->check(CLI::NonNegativeNumber)
      ->group("");
  AddShardOption(verb, arguments)->excludes(until);
  verb.add_option("--progress", arguments.progress,
                  "auto, terminal, plain or none")
      ->check(CLI::IsMember({"auto", "terminal", "plain", "none"}));
}

void RunArguments::Resolve(const GlobalOptions& global) {
  options.workspace = WorkspaceOf(global);
  if (progress == "auto") progress = ::isatty(2) ? "terminal" : "plain";
  options.progress = progress == "none"    ? run::ProgressMode::kNone
                     : progress == "plain" ? run::ProgressMode::kPlain
                                           : run::ProgressMode::kTerminal;
}

std::vector<std::string> RunArguments::ForWorker() const {
  std::vector<std::string> words = {"run",         options.spec.string(),
                                    "--workspace", options.workspace.string(),
                                    "--progress",  progress};
  for (const std::string& override : options.overrides) {
    words.push_back("--set");
    words.push_back(override);
  }
  const auto add = [&](bool is_set, std::initializer_list<std::string> more) {
    if (is_set) words.insert(words.end(), more);
  };
  add(!options.until.empty(), {"--until", options.until});
  add(options.limit > 0, {"--limit", std::to_string(options.limit)});
  add(options.keep_going, {"--keep-going"});
  add(options.fail_fast, {"--fail-fast"});
  add(!options.rerun.empty(), {"--rerun", options.rerun});
  add(options.wait, {"--wait"});
  add(options.steal, {"--steal"});
  add(options.end_by > 0, {"--end-by", fmt::format("{:.3f}", options.end_by)});
  if (options.shard) add(true, {"--shard", options.shard->ToText()});
  return words;
}

}  // namespace besom::cli
