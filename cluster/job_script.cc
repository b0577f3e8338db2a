#include "cluster/job_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace besom::cluster {
namespace {

/// Comes before the setup, which a signal would otherwise end with the job.
constexpr const char* kTraps = R"sh(
# Slurm's warning before the end of the time, and of what ends the job early:
# the run stops and stores what it has.
run=
stop() {
  if [[ -n $run ]]; then kill -USR1 "$run" 2>/dev/null; fi
}
trap stop USR1 TERM
)sh";

/// What goes on after the setup. Bash runs a trap as soon as `wait` returns,
/// and a signal makes `wait` return, so it is called until the run has ended.
constexpr const char* kBody = R"sh(
while true; do
  "$besom" run "${sweep[@]}" --progress plain &
  run=$!
  wait "$run"
  code=$?
  while kill -0 "$run" 2>/dev/null; do
    wait "$run"
    code=$?
  done
  run=
  # Asks the database what is left, and has the job run again where needed.
  "$besom" submit "${sweep[@]}" "${after[@]}" --after-job "$code"
  code=$?
  if [[ $code != 75 ]]; then exit "$code"; fi
done
)sh";

bool IsPlain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("_-./=:,+@%").find(c) != std::string_view::npos;
}

/// The lines that ask Slurm for what the job needs. What comes later wins, so
/// the site's own words are last.
std::vector<std::string> Directives(const SlurmRequest& request,
                                    const SweepJob& job) {
  std::vector<std::string> options = {
      fmt::format("--job-name={}", ShellWord(job.name)),
      fmt::format("--output={}", ShellWord(job.log)), "--open-mode=append",
      fmt::format("--nodes={}", request.nodes),
      // One task of a node starts its ranks, which share all that it has.
      "--ntasks-per-node=1",
      // A node that is lost does not end the job.
      "--no-kill", request.requeue ? "--requeue" : "--no-requeue"};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty())
      options.push_back(fmt::format("{}={}", option, ShellWord(value)));
  };
  const auto number = [](int value) {
    return value > 0 ? std::to_string(value) : std::string();
  };
  add("--cpus-per-task", number(request.cpus_per_node));
  add("--gpus-per-node", number(request.gpus_per_node));
  add("--partition", request.partition);
  add("--account", request.account);
  add("--time", request.time);
  add("--mem", request.memory);
  if (request.signal_seconds > 0)
    options.push_back(
        fmt::format("--signal=B:USR1@{}", request.signal_seconds));
  if (job.shards > 0)
    options.push_back(fmt::format("--array=0-{}", job.shards - 1));
  options.insert(options.end(), request.extra.begin(), request.extra.end());
  return options;
}

std::string ShellWords(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += fmt::format("{}{}", text.empty() ? "" : " ", ShellWord(word));
  return text;
}

}  // namespace

std::string ShellWord(const std::string& word) {
  if (!word.empty() && std::ranges::all_of(word, IsPlain)) return word;
  // In double quotes, so that a reader sees that nothing is to be expanded:
  // what a shell would is marked one by one.
  std::string quoted = "\"";
  for (const char c : word) {
    if (std::string_view("\\\"$`").find(c) != std::string_view::npos)
      quoted += '\\';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

std::string JobScript(const SlurmRequest& request, const SweepJob& job) {
  std::string script = fmt::format(
      "#!/bin/bash\n"
      "# Runs the sweep {}. `besom submit` wrote this file, and writes it "
      "anew.\n",
      job.name);
  for (const std::string& option : Directives(request, job))
    script += fmt::format("#SBATCH {}\n", option);
  script += fmt::format("\ncd {} || exit 4\nbesom={}\nsweep=({})\nafter=({})\n",
                        ShellWord(job.folder), ShellWord(job.besom),
                        ShellWords(job.run), ShellWords(job.after));
  if (job.shards > 0)
    script += fmt::format("sweep+=(--shard \"$SLURM_ARRAY_TASK_ID/{}\")\n",
                          job.shards);
  script += kTraps;
  if (!request.setup.empty()) script += "\n# From slurm.setup.\n";
  for (const std::string& line : request.setup) script += line + "\n";
  return script + kBody;
}

}  // namespace besom::cluster
