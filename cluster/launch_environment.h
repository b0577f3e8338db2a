#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/status.h"

namespace besom::cluster {

/// Looks up an environment variable; nothing when it is not set.
using Environment =
    std::function<std::optional<std::string>(std::string_view name)>;

/// The variables of this process.
Environment ProcessEnvironment();

/// What a parallel launcher (mpirun, mpiexec, srun) left in the environment.
struct LaunchEnvironment {
  std::string launcher;  ///< "Open MPI", "PMIx", "PMI", "Slurm"; or empty.
  std::optional<int> rank;
  std::optional<int> size;
  std::optional<int> local_size;  ///< Ranks on this host.
};

/// Reads OMPI_COMM_WORLD_*, PMIX_RANK, PMI_*, MPI_LOCALNRANKS and, of a step
/// that srun started, SLURM_STEP_NUM_TASKS; the first that is there counts.
/// SLURM_PROCID alone says nothing: batch scripts have it too.
LaunchEnvironment ReadLaunchEnvironment(const Environment& environment);

/// True for a process that mpirun or a PMIx launcher started as a rank.
bool IsMpiRank(const Environment& environment);

/// What a program that is linked with MPI and will not start it needs in its
/// environment, so that loading the library is cheap; empty for a rank.
std::map<std::string, std::string> EnvironmentWithoutMpi(
    const Environment& environment);

/// kUnavailable, with the cure, when the launcher started several ranks and
/// MPI sees a world of `mpi_size` = 1: they belong to different MPIs.
Status CheckLaunchedByOwnMpi(const LaunchEnvironment& launch, int mpi_size);

}  // namespace besom::cluster
