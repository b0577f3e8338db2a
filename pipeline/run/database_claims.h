#pragma once

#include <map>
#include <string>
#include <vector>

#include "db/claim_book.h"
#include "pipeline/run/database_sink.h"
#include "pipeline/run/holder_judge.h"
#include "pipeline/run/task_claims.h"
#include "pipeline/store/blob_search.h"

namespace besom::run {

/// Claims kept in the results database; whether their run lives is asked of
/// its lock, and where that cannot be trusted, of `judge`. A finished task
/// whose blobs are not visible yet counts as computed elsewhere for as long as
/// the store has patience; all are looked for at once, and nobody waits.
/// Borrows everything.
class DatabaseClaims final : public TaskClaims {
 public:
  /// `run` is the name of this run, whose lock this process holds.
  DatabaseClaims(std::string run, const SweepGraph& sweep, db::ClaimBook& book,
                 db::ResultsStore& results, DatabaseSink& sink,
                 const BlobStore& blobs, HolderJudge& judge,
                 const Clock& clock);

  Result<std::vector<ClaimOutcome>> Claim(
      const std::vector<TaskId>& tasks) override;
  Status Release(TaskId task) override;
  Status Discard(TaskId task) override;

 private:
  Result<bool> Settle(const db::ClaimAnswer& answer, TaskId task,
                      ClaimOutcome& outcome);
  Result<bool> IsDead(const std::string& run);
  Result<bool> MayAppear(TaskId task);

  const std::string run_;
  const SweepGraph& sweep_;
  db::ClaimBook& book_;
  db::ResultsStore& results_;
  DatabaseSink& sink_;
  const BlobStore& blobs_;
  HolderJudge& judge_;
  const Clock& clock_;
  std::map<TaskId, BlobSearch> searches_;  // Whose blobs may yet appear.
};

}  // namespace besom::run
