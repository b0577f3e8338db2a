#pragma once

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cluster/job_script.h"
#include "pipeline/base/json.h"
#include "pipeline/cli/run_arguments.h"

namespace besom::cli {

/// The options of `submit` as the command line has them.
struct SubmitArguments {
  RunArguments run;  ///< What the job runs.
  /// Keys of `slurm:` given as options; null = as the spec says.
  Json slurm = Json::object();
  int array = 0;         ///< Jobs that share the sweep; 0 = one job.
  bool dry_run = false;  ///< Print the script, and nothing else.
  bool wait = false;     ///< Follow the job to its end.
  /// Of the script: how its run ended. Then what follows is decided.
  std::optional<int> after_job;
};

/// Adds SPEC and the options of `submit` to `verb`. `arguments` must live as
/// long as `verb`.
void AddSubmitOptions(CLI::App& verb, SubmitArguments& arguments);

/// `slurm` of the spec with what the command line says instead, and the cores
/// of a node that `resources` ask for.
cluster::SlurmRequest RequestOf(const Json& base,
                                const SubmitArguments& arguments);

}  // namespace besom::cli
