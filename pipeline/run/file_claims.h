#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/task_rows.h"
#include "pipeline/base/clock.h"
#include "pipeline/run/holder_judge.h"
#include "pipeline/run/planner.h"
#include "pipeline/run/task_claims.h"
#include "pipeline/store/blob_search.h"
#include "pipeline/store/task_notes.h"

namespace besom::run {

/// Claims of runs that have no database in common: files tell who computes a
/// task, and later what it left behind. Only tasks that several of them need
/// have such files; the others are this run's own. Whether the run of a claim
/// lives is asked as DatabaseClaims does. Who waits for another run looks at
/// its file ever less often, at last once in kLongestPause.
/// Borrows all but the notes. One thread at a time.
class FileClaims final : public TaskClaims {
 public:
  static constexpr double kFirstPause = 0.1;    ///< Seconds.
  static constexpr double kLongestPause = 1.0;  ///< Seconds.

  /// `run` is the name of this run, whose lock this process holds; `shared`, by
  /// task: several runs need it.
  FileClaims(std::string run, const SweepGraph& sweep, std::vector<bool> shared,
             TaskNotes notes, const BlobStore& blobs, HolderJudge& judge,
             const Clock& clock);

  Result<std::vector<ClaimOutcome>> Claim(
      const std::vector<TaskId>& tasks) override;
  Status Release(TaskId task) override;
  Status Discard(TaskId task) override;

  /// Tells the others what those of `actions` that they need left behind.
  /// To be called once they are committed. One that a living run is computing
  /// anew is left to it.
  Status Publish(const std::vector<db::ActionRow>& actions);
  /// Gives back what this run has claimed and not finished.
  Status ReleaseAll();

 private:
  struct Pause {
    double seconds = 0, until = 0;
  };
  enum class Step { kSettled, kTake };

  Result<ClaimOutcome> Ask(TaskId task);
  Result<Step> Settle(TaskId task, const TaskNote& note, ClaimOutcome& outcome);
  Result<bool> IsDead(const TaskNote& note);
  ClaimOutcome Wait(TaskId task);
  TaskNote Ours() const;

  const std::string run_;
  const SweepGraph& sweep_;
  const std::vector<bool> shared_;
  TaskNotes notes_;
  const BlobStore& blobs_;
  HolderJudge& judge_;
  const Clock& clock_;
  std::unordered_map<std::string, TaskId> by_key_;  // Of shared tasks.
  std::map<TaskId, int> held_;         // Number of our note, while it is open.
  std::map<TaskId, Pause> pauses_;     // Of tasks that others compute.
  std::map<TaskId, BlobSearch> searches_;  // Whose blobs may yet appear.
  std::map<std::string, bool> dead_;   // By run, for one call of Claim.
};

}  // namespace besom::run
