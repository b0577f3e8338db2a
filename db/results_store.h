#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/commit_batch.h"
#include "db/fit_summarizer.h"
#include "db/journal_mode.h"
#include "db/sweep_rows.h"
#include "db/task_rows.h"
#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::db {

class Connection;
class Transaction;

using SweepId = std::int64_t;

struct StoreOptions {
  /// Of a new database; none: the one that fits its file system.
  std::optional<JournalMode> journal;
  /// How long to wait for another process's transaction.
  std::chrono::milliseconds busy_timeout{30000};
};

/// A sweep as stored.
struct StoredSweep {
  SweepId id = 0;
  SweepRow row;  ///< `time` is that of the last PutSweep.
  double created = 0;
};

/// The writing side of `besom.db`.
///
/// Invariants:
/// (1) Every call that writes is one transaction (BEGIN IMMEDIATE,
///     synchronous=EXTRA): after an error or a crash all of it is there or
///     nothing of it; once it returned OK it survives a power cut.
/// (2) Putting the same rows again changes nothing that a view shows, so a
///     batch whose fate is unknown may be put again; `attempts` and `events`
///     are the exception: they are appended.
/// (3) A trial is `done` only when the rows of all its fits are there.
/// (4) Views show the same rows whatever the order of the commits.
/// Errors: kIo for a busy or full disk (trying again may help), kUnavailable
/// for a read-only one or a newer schema, kCorrupt for what is no database;
/// each with its cure.
/// Thread safety: one thread at a time. Several processes may have one each.
class ResultsStore {
 public:
  /// Opens the database, makes or migrates it where needed, makes its folder.
  /// `:memory:` is a database of its own, for tests.
  static Result<std::unique_ptr<ResultsStore>> Open(
      const Path& path, const StoreOptions& options = {});
  ~ResultsStore();
  ResultsStore(const ResultsStore&) = delete;
  ResultsStore& operator=(const ResultsStore&) = delete;
  /// From now on every call that writes is `run`'s: once that one has an
  /// outcome, so also when another run has taken it over (TakeOverRun), it
  /// changes nothing and is kInterrupted.
  void WriteAs(std::string run) { writer_ = std::move(run); }

  /// As Connection::WaitWhileBusy.
  void WaitWhileBusy(std::function<bool(double waited)> keep_waiting);

  /// How several fits become one; else only figures do, by their plain mean.
  void SummarizeBy(FitSummarizer how) { summarizer_ = std::move(how); }

  /// Makes the sweep or, where the name exists, updates everything but its
  /// creation time; its trials and their rows stay.
  Result<SweepId> PutSweep(const SweepRow& sweep);
  Result<std::optional<StoredSweep>> FindSweep(std::string_view name);

  /// Makes `trials` the plan of the sweep. New ones are pending; known ones
  /// keep state and rows, except that running and preempted ones (of a run
  /// that is gone) are pending again; those not listed stay as rows, unplanned.
  Status RegisterTrials(SweepId sweep, const std::vector<TrialRow>& trials);
  /// In the order of the plan, unplanned ones last.
  Result<std::vector<TrialStatus>> TrialStates(SweepId sweep);
  /// Applies all of `batch`; claims on its actions end. kInternal when it names
  /// an unknown trial, or calls a trial done whose fits are not all there.
  Status Commit(SweepId sweep, const CommitBatch& batch);

  /// None when no such task has finished.
  Result<std::optional<ActionRow>> FindAction(std::string_view key);
  /// Finished tasks of a stage by key order, of one space (never "") if given.
  Result<std::vector<ActionRow>> FindActions(
      std::string_view stage, std::optional<std::string_view> space = {});
  /// The `most` of a stage that finished last.
  Result<std::vector<ActionRow>> LatestActions(std::string_view stage,
                                               int most);
  /// The finished tasks of `keys`, parallel to them, in one snapshot.
  Result<std::vector<std::optional<ActionRow>>> FindActionsByKey(
      const std::vector<std::string>& keys);
  /// Removes actions whose blobs are gone, so that they run again.
  Status ForgetActions(const std::vector<std::string>& keys);

  /// Digest per file; none: unknown, or its stat has changed.
  Result<std::vector<std::optional<std::string>>> FindFileDigests(
      const std::vector<std::pair<std::string, FileStat>>& files);
  Status PutFileDigests(const std::vector<FileDigestRow>& files);

  /// Notes that a process works on the sweep, or how it ended (same `run`).
  Status PutRun(SweepId sweep, const RunRow& run);
  /// Runs of the sweep, or of all, without an end, oldest first. Whether one is
  /// alive only its lock tells.
  Result<std::vector<RunRow>> OpenRuns(std::optional<SweepId> sweep = {});
  /// Ends the rights of a run that counts as dead whatever its lock says, all
  /// at once: its claims are free, what it should still want to write is
  /// refused (WriteAs), and an event of its sweep tells who it was and `why`.
  /// Until PutRun ends it, it stays open, as kTakenOver. OK for an unknown run.
  Status TakeOverRun(std::string_view run, std::string_view why, double time);
  static constexpr std::string_view kTakenOver = "taken over";

  /// Adds all that `part`, a database of its own, holds of the sweep, as if it
  /// had been written here: in one transaction, and again without effect. Rows
  /// of fits take the place of those that are here, but for later sets of the
  /// same head; comparisons are not taken over. Makes the sweep where it is
  /// missing. Nobody may write to `part`.
  Status MergePart(std::string_view sweep, const Path& part);

  /// Makes `rows` the comparisons of the sweep.
  Status PutComparisons(SweepId sweep, const std::vector<ComparisonRow>& rows);

  /// OK when every planned done trial has a value to rank by; else kInvalid
  /// that names metric, set and how many trials have none.
  Status CheckRankable(SweepId sweep);

 private:
  explicit ResultsStore(std::unique_ptr<Connection> connection);
  Result<std::vector<ActionRow>> ReadActions(
      std::string_view condition, const std::vector<std::string_view>& values);
  Result<Transaction> BeginWriting();
  std::unique_ptr<Connection> connection_;
  std::string writer_;  ///< As WriteAs says; "" = anybody.
  FitSummarizer summarizer_;
};

/// Removes a database that was merged, with the files that belong to it.
Status RemovePart(const Path& part);

}  // namespace besom::db
