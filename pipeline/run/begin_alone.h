#pragma once

#include "db/results_store.h"
#include "pipeline/run/sweep_lock.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::run {

/// What a run has that is about to begin. All borrowed.
struct BeginningRun {
  const SweepLock& lock;
  const WorkspaceLayout& layout;
  db::ResultsStore& results;
  const Clock& clock;
  bool steal = false;  ///< The user says that runs in the way are dead.
};

/// Records `run` as the only one that may write to sweep `id`: from then on
/// all that `results` writes is its. Every other run of the sweep that is open
/// has lost it, so its claims are free and nothing that it still writes is
/// taken; an event tells of each that its lock calls alive. Where there are no
/// locks, the same for all runs of the workspace, each of which must be dead by
/// the word of Slurm or of the user.
/// kInterrupted when a run may be alive, or the lock has been lost meanwhile:
/// `run` is then recorded as ended.
///
/// However two runs race for a sweep, only one goes on: each puts its record
/// first and then looks whether the lock is still its own, and each has
/// replaced the lock of the other one before it looks for records.
Status BeginAlone(const BeginningRun& beginning, HolderJudge& judge,
                  db::SweepId id, const db::RunRow& run);

}  // namespace besom::run
