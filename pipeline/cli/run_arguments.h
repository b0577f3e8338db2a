#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "pipeline/cli/verb.h"
#include "pipeline/run/run_options.h"

namespace besom::cli {

/// The options of `run` as the command line has them; both programs read them.
struct RunArguments {
  run::RunOptions options;  ///< `workspace` and `progress` are set by Resolve.
  int ranks = 0;            ///< -n; 0 = one per GPU, else one.
  bool dry_run = false;
  std::string progress = "auto";  ///< auto | plain | none | terminal.

  /// Fills in what depends on this process: workspace, terminal or not.
  void Resolve(const GlobalOptions& global);
  /// The arguments that make besom-worker do the same (resolved) run.
  std::vector<std::string> ForWorker() const;
};

/// Adds SPEC and the options of `run` to `verb`. `arguments` must live as
/// long as `verb`.
void AddRunOptions(CLI::App& verb, RunArguments& arguments);
/// Adds --shard only.
CLI::Option* AddShardOption(CLI::App& verb, RunArguments& arguments);
/// Adds SPEC and --set only.
void AddSpecOptions(CLI::App& verb, RunArguments& arguments);

/// The workspace that `global` or the environment names.
Path WorkspaceOf(const GlobalOptions& global);

}  // namespace besom::cli
