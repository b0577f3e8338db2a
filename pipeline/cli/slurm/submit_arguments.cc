#include "pipeline/cli/slurm/submit_arguments.h"

#include <algorithm>

namespace besom::cli {
namespace {

/// An option that stands for a key of `slurm:`.
template <typename T>
CLI::Option* AddKey(CLI::App& verb, SubmitArguments& arguments,
                    const std::string& key, const std::string& doc) {
  std::string name = key;
  std::ranges::replace(name, '_', '-');
  return verb
      .add_option_function<T>(
          "--" + name,
          [&arguments, key](const T& value) { arguments.slurm[key] = value; },
          doc)
      ->group("Slurm, instead of the spec's slurm:");
}

}  // namespace

void AddSubmitOptions(CLI::App& verb, SubmitArguments& arguments) {
  AddSpecOptions(verb, arguments.run);
  verb.add_option("-n,--ranks", arguments.run.ranks,
                  "Ranks of the job; default: one per GPU, else one per node "
                  "or for so many cores as resources.threads_per_rank")
      ->check(CLI::Range(1, 100'000));
  verb.add_flag("-k,--keep-going", arguments.run.options.keep_going,
                "Go on however many trials fail");
  verb.add_flag("--fail-fast", arguments.run.options.fail_fast,
                "Start nothing more after a trial failed");
  AddKey<std::string>(verb, arguments, "partition", "Where to run");
  AddKey<std::string>(verb, arguments, "account", "Who pays");
  AddKey<std::string>(verb, arguments, "time", "HH:MM:SS of one job");
  AddKey<std::string>(verb, arguments, "memory", "As sbatch --mem");
  AddKey<int>(verb, arguments, "nodes", "Nodes")->check(CLI::Range(1, 100'000));
  AddKey<int>(verb, arguments, "gpus_per_node", "GPUs of each")
      ->check(CLI::Range(0, 64));
  AddKey<int>(verb, arguments, "cpus_per_node", "Cores of each")
      ->check(CLI::Range(0, 4096));
  AddKey<bool>(verb, arguments, "requeue", "Whether it may be queued again");
  AddKey<int>(verb, arguments, "signal_seconds", "Warning before the limit")
      ->check(CLI::Range(0, 65535));
  AddKey<int>(verb, arguments, "max_links", "Most starts of the job")
      ->check(CLI::Range(1, 100'000));
  AddKey<std::vector<std::string>>(verb, arguments, "extra",
                                   "Further options of sbatch");
  AddKey<std::vector<std::string>>(verb, arguments, "setup",
                                   "Shell lines that run first");
  verb.add_option("--array", arguments.array,
                  "So many jobs that share the sweep, instead of one")
      ->check(CLI::Range(1, 10'000));
  CLI::Option* const dry =
      verb.add_flag("--dry-run", arguments.dry_run,
                    "Print the job's script; write and submit nothing");
  verb.add_flag("--wait", arguments.wait, "Follow the job until it has ended")
      ->excludes(dry);
  AddShardOption(verb, arguments.run)->group("");
  verb.add_option("--after-job", arguments.after_job)->group("");
}

cluster::SlurmRequest RequestOf(const Json& base,
                                const SubmitArguments& arguments) {
  Json keys = base.at("slurm");
  keys.update(arguments.slurm);
  cluster::SlurmRequest request;
  request.partition = keys.at("partition");
  request.account = keys.at("account");
  request.time = keys.at("time");
  request.memory = keys.at("memory");
  request.nodes = keys.at("nodes");
  request.gpus_per_node = keys.at("gpus_per_node");
  request.cpus_per_node = keys.at("cpus_per_node");
  request.requeue = keys.at("requeue");
  request.signal_seconds = keys.at("signal_seconds");
  request.extra = keys.at("extra").get<std::vector<std::string>>();
  request.setup = keys.at("setup").get<std::vector<std::string>>();
  const Json& threads = base.at("resources").at("threads_per_rank");
  if (request.cpus_per_node == 0 && threads.is_number())
    request.cpus_per_node =
        threads.get<int>() * std::max(1, request.gpus_per_node);
  return request;
}

}  // namespace besom::cli
