#pragma once

#include <string_view>

namespace besom::cluster {

/// How far a job of Slurm is.
enum class JobPhase {
  kPending,  ///< It waits in the queue; none of its processes runs.
  kRunning,  ///< It has its nodes.
  kEnding,   ///< Slurm ends its processes, whatever they are at.
  kEnded,    ///< It is over.
};

/// Of a word of Slurm's ("PENDING": squeue(1), job state codes); one that is
/// not known counts as running.
JobPhase PhaseOf(std::string_view state);

}  // namespace besom::cluster
