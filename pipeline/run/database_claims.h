#pragma once

#include <string>
#include <vector>

#include "db/claim_book.h"
#include "pipeline/run/database_sink.h"
#include "pipeline/run/task_claims.h"

namespace besom::run {

/// Claims kept in the results database; whether their run lives is asked of
/// its lock. Borrows everything.
class DatabaseClaims final : public TaskClaims {
 public:
  /// `run` is the name of this run, whose lock this process holds.
  DatabaseClaims(std::string run, const SweepGraph& sweep, db::ClaimBook& book,
                 db::ResultsStore& results, DatabaseSink& sink,
                 const WorkspaceLayout& layout, const Clock& clock);

  Result<std::vector<ClaimOutcome>> Claim(
      const std::vector<TaskId>& tasks) override;
  Status Release(TaskId task) override;
  Status Discard(TaskId task) override;

 private:
  Result<bool> Settle(const db::ClaimAnswer& answer, TaskId task,
                      ClaimOutcome& outcome);

  const std::string run_;
  const SweepGraph& sweep_;
  db::ClaimBook& book_;
  db::ResultsStore& results_;
  DatabaseSink& sink_;
  const WorkspaceLayout& layout_;
  const Clock& clock_;
};

}  // namespace besom::run
