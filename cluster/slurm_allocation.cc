#include "cluster/slurm_allocation.h"

#include <charconv>
#include <string_view>

namespace besom::cluster {
namespace {

/// The number that `text` begins with: 4 of "4(x3),2".
int LeadingNumber(std::string_view text, int otherwise) {
  int number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && number > 0 ? number : otherwise;
}

}  // namespace

std::optional<SlurmAllocation> ReadAllocation(const Environment& environment) {
  const auto text = [&](std::string_view name) {
    return environment(name).value_or("");
  };
  SlurmAllocation allocation;
  allocation.job = text("SLURM_JOB_ID");
  if (allocation.job.empty()) return std::nullopt;
  if (const std::string array = text("SLURM_ARRAY_JOB_ID"); !array.empty())
    allocation.job = array + "_" + text("SLURM_ARRAY_TASK_ID");
  allocation.cluster = text("SLURM_CLUSTER_NAME");
  allocation.nodes = text("SLURM_JOB_NODELIST");
  allocation.node_count = LeadingNumber(text("SLURM_JOB_NUM_NODES"), 1);
  allocation.cpus_per_node = LeadingNumber(text("SLURM_JOB_CPUS_PER_NODE"), 1);
  allocation.gpus_per_node = LeadingNumber(text("SLURM_GPUS_ON_NODE"), 0);
  allocation.restarts = LeadingNumber(text("SLURM_RESTART_COUNT"), 0);
  return allocation;
}

}  // namespace besom::cluster
