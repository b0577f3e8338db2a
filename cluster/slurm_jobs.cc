#include "cluster/slurm_jobs.h"

#include <algorithm>
#include <vector>

#include "cluster/job_phase.h"
#include "pipeline/base/subprocess.h"

namespace besom::cluster {
namespace {

std::vector<std::string_view> WordsOf(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(kSpace), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

bool IsNumber(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// True when the Slurm that answers here is that of `cluster`: another one
/// counts its jobs anew.
bool IsOurCluster(std::string_view cluster) {
  const Result<ProcessOutcome> config =
      RunProcess({"scontrol", "show", "config"}, StandardError::kInOutput);
  if (!config.ok() || config->exit_code != 0) return false;
  const std::vector<std::string_view> words = WordsOf(config->output);
  for (std::size_t i = 0; i + 2 < words.size(); ++i)
    if (words[i] == "ClusterName" && words[i + 1] == "=")
      return words[i + 2] == cluster;
  return false;
}

}  // namespace

JobState JobStateOf(std::string_view output, int exit_code) {
  if (exit_code != 0)
    return output.find("Invalid job id") != std::string_view::npos
               ? JobState::kOver
               : JobState::kUnknown;
  const std::vector<std::string_view> states = WordsOf(output);
  // None: Slurm may hide the jobs of other users.
  if (states.empty()) return JobState::kUnknown;
  // One that waits ran before, and waits to run again.
  return std::ranges::all_of(states,
                             [](std::string_view state) {
                               const JobPhase phase = PhaseOf(state);
                               return phase == JobPhase::kEnded ||
                                      phase == JobPhase::kPending;
                             })
             ? JobState::kOver
             : JobState::kActive;
}

JobState SlurmJobs::Find(std::string_view job, std::string_view cluster) {
  if (!IsNumber(job)) return JobState::kUnknown;
  if (!cluster.empty() && !IsOurCluster(cluster)) return JobState::kUnknown;
  const Result<ProcessOutcome> queue = RunProcess(
      {"squeue", "-h", "-t", "all", "-j", std::string(job), "-o", "%T"},
      StandardError::kInOutput);
  if (!queue.ok()) return JobState::kUnknown;
  return JobStateOf(queue->output, queue->exit_code);
}

}  // namespace besom::cluster
