#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pipeline/run/executor.h"
#include "pipeline/run/progress.h"
#include "pipeline/run/recorder.h"
#include "pipeline/run/scheduler.h"

namespace besom::run {

struct CoordinatorOptions {
  int max_retries = 2;     ///< Of a task whose failure may pass.
  bool fail_fast = false;  ///< Start nothing more after a failed trial.
  /// Stop after this many failed trials (`limits.failures`).
  std::size_t max_failed_trials = 0;
  double time_limit = 0;  ///< Seconds; 0 = none.
};

/// How a run ended; all counts are of this run's graph.
struct RunOutcome {
  std::size_t tasks_run = 0, tasks_reused = 0;
  std::size_t trials_done = 0, trials_failed = 0;
  bool interrupted = false;  ///< Work is left; the same command resumes.
  /// Some task was still computing: the process should end without waiting.
  bool abandoned = false;
  std::string why;   ///< Of the interruption.
  std::string best;  ///< The best trial in one line; empty = none.
};

/// The loop of rank 0: hands out tasks, records what comes back.
/// Borrows everything. One thread.
class Coordinator {
 public:
  /// `stop_requests` counts how often the user asked to stop.
  Coordinator(const SweepGraph& sweep, Executor& executor, Recorder& recorder,
              Progress& progress, const Clock& clock,
              std::function<int()> stop_requests, CoordinatorOptions options);

  /// Called when trials ended, to show the best one.
  void SetBest(std::function<std::string()> best) { best_ = std::move(best); }
  /// Rows of features that other plans left: space -> content -> blobs.
  using PriorRows =
      std::map<std::string, std::map<std::string, std::vector<BlobRef>>>;
  void SetPriorRows(PriorRows rows) { prior_rows_ = std::move(rows); }

  /// Runs everything that `targets` need. An error means that rank 0 itself
  /// cannot go on (database, channel); what was committed stays.
  Result<RunOutcome> Run(const std::vector<TaskId>& targets);

 private:
  TaskRequest RequestFor(TaskId task);
  Status StartReadyTasks();
  Status Handle(ExecutorEvent event);
  Status HandleReport(int rank, const TaskReport& report);
  void HandleLostRank(int rank);
  void StopIfAsked();
  bool MustAbandon() const;
  void Stop(std::string why);

  const SweepGraph& sweep_;
  Executor& executor_;
  Recorder& recorder_;
  Progress& progress_;
  const Clock& clock_;
  const std::function<int()> stop_requests_;
  const CoordinatorOptions options_;
  std::function<std::string()> best_;
  PriorRows prior_rows_;
  std::optional<Scheduler> scheduler_;
  std::vector<int> attempts_;                // By task.
  std::vector<std::optional<TaskId>> busy_;  // By rank.
  std::vector<bool> lost_;                   // By rank.
  double start_ = 0;
  double stop_by_ = 0;  // When running tasks are abandoned.
  RunOutcome outcome_;
};

}  // namespace besom::run
