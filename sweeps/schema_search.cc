#include <string>
#include <vector>

#include "sweeps/form.h"
#include "sweeps/schema.h"

namespace besom::sweeps {
namespace {

std::vector<Key> MetricKeys() {
  return {
      {"metric.name",
       {Text()},
       {},
       "",
       "METRIC[/CLASS | /macro | /weighted] that ranks the trials."},
      {"metric.split",
       {Text()},
       "validation",
       "",
       "Set that it is taken on: train, validation; with allow_test also test "
       "or an external set."},
      {"metric.goal",
       {Words({"maximize", "minimize"})},
       "maximize",
       "",
       "Which way is better (default for loss, log_loss, brier, ece and "
       "expected_cost: minimize)."},
      {"metric.then",
       {ListOf({Text()})},
       Json::array(),
       "",
       "Metrics that break ties, in order."},
      {"metric.subject_to",
       {ListOf({Text()})},
       Json::array(),
       "",
       "Conditions on the same split, METRIC >= NUMBER or METRIC <= NUMBER: "
       "trials that meet them rank first, the rest by how far they are off."},
      {"metric.allow_test",
       {Boolean()},
       false,
       "",
       "Permit selecting on test or an external set; marked everywhere."},
  };
}

std::vector<Key> ClusterKeys() {
  return {
      {"cluster.launcher",
       {Words({"auto", "mpirun", "srun"})},
       "auto",
       "",
       "What starts ranks in a Slurm job; auto = mpirun, or srun (--mpi=pmix) "
       "where mpirun cannot."},
      {"cluster.mpi_args",
       {ListOf({Text()})},
       Json::array(),
       "",
       "Further options of mpirun, one word each: [--mca, btl_tcp_if_include, "
       "ib0]."},
  };
}

std::vector<Key> SlurmKeys() {
  return {
      {"slurm.partition", {Text()}, "", "", "Empty = the site's default."},
      {"slurm.nodes", {Integer(1, 100000)}, 1, "nodes", ""},
      {"slurm.gpus_per_node", {Integer(0, 64)}, 0, "GPUs", ""},
      {"slurm.cpus_per_node",
       {Integer(0, 4096)},
       0,
       "cores",
       "0 = threads_per_rank for each rank of a node, where that is a number; "
       "else no request."},
      {"slurm.time", {Text()}, "", "HH:MM:SS", "Empty = the site's default."},
      {"slurm.memory", {Text()}, "", "as sbatch --mem", "Empty = no request."},
      {"slurm.account", {Text()}, "", "", "Empty = the user's default."},
      {"slurm.requeue",
       {Boolean()},
       true,
       "",
       "The job may be queued again; else another one follows it."},
      {"slurm.signal_seconds",
       {Integer(0, 65535)},
       120,
       "seconds",
       "Warning before the time limit."},
      {"slurm.max_links",
       {Integer(1, 100000)},
       100,
       "starts",
       "A sweep that is not complete starts its job again, at most so often."},
      {"slurm.extra",
       {ListOf({Text()})},
       Json::array(),
       "",
       "Further options of sbatch: [--qos=long, --constraint=a100]."},
      {"slurm.setup",
       {ListOf({Text()})},
       Json::array(),
       "",
       "Shell lines that run first."},
  };
}

}  // namespace

std::vector<Key> SearchKeys() {
  const Form threads = Integer(1, 4096);
  std::vector<Key> keys = {
      {"method",
       {Words({"grid", "list", "random"}, {"sobol", "tpe", "gp"})},
       "grid",
       "",
       "How trials are chosen."},
  };
  for (Key& key : MetricKeys()) keys.push_back(std::move(key));
  const std::vector<Key> more = {
      {"parameters",
       {SectionForm(), ListOf({SectionForm()})},
       Json::object(),
       "",
       "The axes: key -> values; method list: a list of maps."},
      {"constraints",
       {ListOf({Text()})},
       Json::array(),
       "",
       "Conditions that every trial meets."},
      {"run_cap", {Integer(0)}, 0, "trials", "Most trials; 0 = all."},
      {"early_terminate.type",
       {Words({"none"}, {"asha", "hyperband", "median"})},
       "none",
       "",
       "Stop trials that fall behind."},
      {"early_terminate.min_iter", {Integer(1)}, 1, "epochs", "First rung."},
      {"early_terminate.max_iter",
       {Integer(0)},
       0,
       "epochs",
       "Last rung; 0 = train.epochs."},
      {"early_terminate.eta",
       {NumberAbove(1)},
       3.0,
       "",
       "Share that goes on: 1 / eta."},
      {"resources.ranks_per_trial",
       {Integer(1, 64)},
       1,
       "ranks",
       "Ranks that train one trial together."},
      {"resources.device",
       {Words({"auto", "cpu", "cuda"})},
       "auto",
       "",
       "What frozen bases run on; auto = GPUs where there are some. Kept from "
       "the sweep's first run on."},
      {"resources.threads_per_rank",
       {Words({"auto"}), threads},
       "auto",
       "threads",
       "auto = the cores that a rank may use, shared with the host's others."},
      {"resources.memory_per_rank",
       {Words({"auto"}), Integer(1)},
       "auto",
       "MiB",
       "What a rank's features task needs of its GPU, or else of its host: so "
       "many ranks of one compute features at once as fit, and heads are "
       "trained "
       "side by side in half of it. auto = measured on GPUs; on CPUs not "
       "looked "
       "at, and 256 MiB for heads."},
      {"limits.time", {Number(0)}, 0.0, "seconds of wall time", "0 = none."},
      {"limits.failures",
       {Percent(), Integer(0)},
       "10%",
       "trials",
       "The sweep stops when more fail; a share or a number."},
      {"limits.retries",
       {Integer(0, 100)},
       2,
       "",
       "Further attempts at a task."},
      {"limits.lease",
       {Number(0.1)},
       60.0,
       "seconds",
       "A rank that completes no image, step or epoch for so long loses its "
       "task to another one; longer where such a unit is predicted to be slow, "
       "and doubled each time."},
      {"limits.checkpoint",
       {Number(0)},
       60.0,
       "seconds",
       "Work of a fit after which it leaves how far it is, so that the next "
       "attempt goes on from there; 0 = after each epoch. A fit that is asked "
       "to stop does so too."},
  };
  keys.insert(keys.end(), more.begin(), more.end());
  for (Key& key : ClusterKeys()) keys.push_back(std::move(key));
  keys.push_back(
      {"store",
       {Words({"shared", "ranks"})},
       "shared",
       "",
       "Where blobs are: in one folder that all hosts see (-w), or, where "
       "there is none, with rank 0 and in copies on the other hosts, to which "
       "they travel by MPI. Changes no number."});
  for (Key& key : SlurmKeys()) keys.push_back(std::move(key));
  return keys;
}

}  // namespace besom::sweeps
