#pragma once

#include <string>
#include <vector>

namespace besom::cluster {

/// What is asked of Slurm: the keys of `slurm:` (sweeps/SWEEP_YAML.md). Empty
/// texts and zeros ask for nothing, so that the site's own choice holds.
struct SlurmRequest {
  std::string partition, account, time, memory;
  int nodes = 1;
  int gpus_per_node = 0;
  int cpus_per_node = 0;
  bool requeue = true;
  int signal_seconds = 120;        ///< Before the end of the time; 0 = none.
  std::vector<std::string> extra;  ///< Options of sbatch: "--qos=long".
  std::vector<std::string> setup;  ///< Shell lines.
};

/// The job that a script is for.
struct SweepJob {
  std::string name;    ///< Of the sweep.
  std::string besom;   ///< The program, absolute.
  std::string folder;  ///< That the job works in, absolute.
  std::string log;     ///< File of its output; may hold Slurm's %j, %A, %a.
  /// SPEC and the options that make `besom run` do this sweep.
  std::vector<std::string> run;
  /// Further options of `besom submit --after-job`.
  std::vector<std::string> after;
  int shards = 0;  ///< Jobs of the array; 0 = one job.
};

/// The exit code of `besom submit --after-job` that has the script run again.
inline constexpr int kRunAgain = 75;

/// The batch script of `job` (bash): asks for nodes, runs the setup, then
/// `besom run`, which starts ranks on all nodes, and at its end, or after a
/// signal of Slurm, `besom submit --after-job`, which says what follows.
std::string JobScript(const SlurmRequest& request, const SweepJob& job);

/// `word` as one word of a shell, as it is where nothing needs quotes.
std::string ShellWord(const std::string& word);

}  // namespace besom::cluster
