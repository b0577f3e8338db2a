#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "db/connection.h"
#include "db/results_store.h"
#include "pipeline/base/result.h"

namespace besom::db {

/// repeat and fold of the rows that stand for all fits of a trial.
inline constexpr int kAllFits = -1;

/// Writes the parts of a CommitBatch inside a transaction that the caller
/// holds. After an error the caller rolls back.
class BatchWriter {
 public:
  /// Borrows all.
  BatchWriter(Connection& connection, SweepId sweep,
              const FitSummarizer& summarizer)
      : connection_(connection), sweep_(sweep), summarizer_(summarizer) {}

  Status Write(const CommitBatch& batch);

 private:
  struct TrialId {
    std::int64_t id = 0;
    int fits = 1;
  };
  struct FitStatements;

  Status PutActions(const std::vector<ActionRow>& actions);
  Status PutHits(const std::vector<CacheHit>& hits);
  Status PutAttempts(const std::vector<AttemptRow>& attempts);
  Status PutEvents(const std::vector<EventRow>& events);
  Status PutImages(const ImageTable& table);
  Status PutLaterImages(const ImageTable& table);
  /// What the sweep itself meets, or later sets; of one source, or of all ("").
  Status UnlistImages(bool later, const std::string& source);
  Status InsertImages(const ImageTable& table, bool later);
  Status PutAudit(const AuditTable& table);
  Status PutFits(const std::vector<FitRow>& fits);
  Status PutLaterSets(const std::vector<FitRow>& fits);
  Result<FitStatements> PrepareFits();
  Status PutFit(const FitRow& fit, FitStatements& statements);
  Status PutSet(const FitRow& fit, const SetRow& set, std::int64_t trial,
                FitStatements& statements);
  Status PutTrialChanges(const std::vector<TrialChange>& changes);

  /// Deletes every row of one fit, so that no row of an older evaluation
  /// stays between those of the new one.
  Status ClearFit(std::int64_t trial, int repeat, int fold);
  Status ClearSet(std::int64_t trial, const FitRow& fit,
                  const std::string& set);
  /// Writes what stands for all fits of a trial once all are there.
  Status PutAggregates(std::int64_t trial);
  Result<std::vector<FiguresOfFits>> ReadFigures(std::int64_t trial,
                                                 const char* table);
  /// The threshold of all fits, where they have some. REQUIRES: all are there.
  Status PutPooledThreshold(std::int64_t trial);
  Result<PooledPredictions> ReadPool(std::int64_t trial, std::string cls,
                                     std::string target);
  /// (patients, group) by image_id: all of the sweep.
  using ImageGroups =
      std::map<std::int64_t, std::pair<std::string, std::string>>;
  Result<ImageGroups> ReadGroups();
  /// Trials of the sweep that have a threshold of all fits.
  Result<std::vector<std::int64_t>> PooledTrials();
  /// Where an image has another group than `before`: the thresholds of all fits
  /// of `trials` anew, as if the images had come first.
  Status PoolAgain(const std::vector<std::int64_t>& trials,
                   const ImageGroups& before);
  Result<TrialId> FindTrial(const std::string& trial);

  Connection& connection_;
  const SweepId sweep_;
  const FitSummarizer& summarizer_;
  std::set<std::int64_t> touched_;  ///< Trials of several fits with new rows.
};

}  // namespace besom::db
