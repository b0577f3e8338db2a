#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "db/results_store.h"
#include "pipeline/base/clock.h"
#include "pipeline/run/planner.h"
#include "pipeline/run/record_sink.h"
#include "pipeline/store/blob_search.h"
#include "pipeline/store/blob_store.h"
#include "stages/data/pixel_shard.h"

namespace besom::run {

/// Turns a run's facts into rows of the results database. Reads what
/// evaluations and splits left behind from the store; what another machine has
/// just stored may have to be looked for (BlobSearch), at most `longest_wait`
/// seconds, until `stop` says true. Waits for others that write to the database
/// (WhileOthersWrite): `stop` must outlive `results`. Borrows everything.
class DatabaseSink final : public RecordSink {
 public:
  DatabaseSink(
      const SweepGraph& sweep, db::SweepId id, db::ResultsStore& results,
      BlobStore& blobs, const Clock& clock,
      std::function<bool()> stop = [] { return false; },
      double longest_wait = 0);

  /// Tasks, by number, that another database says are done: they count as
  /// done here, too. To be said before FindKnown.
  void KnowEarlier(std::vector<std::optional<db::ActionRow>> actions) {
    earlier_ = std::move(actions);
  }
  /// From now on called with the actions of each commit before it; an error
  /// that it returns is Commit's.
  void BeforeCommit(
      std::function<Status(const std::vector<db::ActionRow>&)> call) {
    before_commit_ = std::move(call);
  }

  Result<std::vector<std::optional<KnownTask>>> FindKnown() override;
  Result<std::vector<db::TrialState>> TrialStates() override;
  Status AddAttempt(const AttemptRecord& attempt) override;
  Status AddFound(TaskId task, const KnownTask& known) override;
  void AddTrial(std::size_t trial, db::TrialState state,
                std::string error) override;
  void AddEvent(std::string_view kind, Json text) override;
  Status Commit() override;

  /// The action that finished `task`, when all its blobs are there.
  Result<std::optional<KnownTask>> Find(TaskId task);

  const std::function<bool()>& stop() const { return stop_; }

 private:
  struct FitPlace {
    std::size_t trial, fit;
  };
  /// A model: "" where it is not known.
  struct Trained {
    std::string digest;
    std::uint64_t size = 0;
    double seconds = 0;
  };

  std::optional<KnownTask> Known(const std::optional<db::ActionRow>& action);
  std::string TrialOf(TaskId task) const;
  Status AddRows(TaskId task, bool is_new);
  Status AddEvaluation(TaskId task, bool is_new);
  Result<Trained> TrainedBy(TaskId fine_tune);
  const std::optional<db::ActionRow>& Earlier(TaskId task) const;
  /// Rows of the images, and the receipt beside the database.
  Status AddImages(TaskId split);
  Status AddAudit(TaskId audit);
  Status WriteContactSheet(TaskId augment);
  Result<Artifact> OutputOf(TaskId task, const std::string& port);
  Result<stages::PixelShard> TableOf(TaskId ingest);

  const SweepGraph& sweep_;
  const db::SweepId id_;
  db::ResultsStore& results_;
  BlobStore& blobs_;
  const Clock& clock_;
  const std::function<bool()> stop_;
  BlobSearch search_;
  std::unordered_map<TaskId, std::vector<FitPlace>> fits_of_;  // By evaluate.
  std::unordered_map<TaskId, std::vector<std::size_t>> trials_of_;  // By tune.
  std::vector<bool> has_rows_;                         // By trial: done before.
  std::vector<std::optional<KnownTask>> known_;        // By task.
  std::vector<std::optional<db::ActionRow>> earlier_;  // By task, or empty.
  std::function<Status(const std::vector<db::ActionRow>&)> before_commit_;
  db::CommitBatch batch_;
};

}  // namespace besom::run
