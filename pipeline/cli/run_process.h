#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "cluster/interrupt.h"
#include "pipeline/cli/rank_places.h"
#include "pipeline/run/run_sweep.h"
#include "stages/stage.h"

namespace besom::cli {

/// This process as one rank of a run.
struct RankProcess {
  cluster::Communicator& comm;
  cluster::Interrupt& interrupt;
  const stages::StageRegistry& stages;
  std::string host;
  RankPlace place;
  /// As in run::Executor; one entry per rank of `comm`.
  std::vector<run::RankTraits> traits;
  /// As in run::RankFacts.
  std::function<std::unique_ptr<cluster::Group>(const run::TaskRequest&,
                                                int shards)>
      join;
  /// Ends this process, and the ranks that do not answer, with an exit code.
  std::function<void(int)> abandon;
};

/// Runs this rank's part of `run` to its end and returns the exit code of the
/// process; rank 0 prints what was done to stdout.
int RunAsRank(const run::RunOptions& options, const RankProcess& process);

}  // namespace besom::cli
