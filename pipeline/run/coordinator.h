#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "pipeline/run/executor.h"
#include "pipeline/run/order_maker.h"
#include "pipeline/run/recorder.h"
#include "pipeline/run/run_observer.h"
#include "pipeline/run/scheduler.h"
#include "pipeline/run/task_claims.h"
#include "pipeline/run/time_budget.h"

namespace besom::run {

struct CoordinatorOptions {
  int max_retries = 2;     ///< Of a task whose failure may pass.
  bool fail_fast = false;  ///< Start nothing more after a failed trial.
  /// Stop after more failed trials than this (`limits.failures`).
  std::size_t max_failed_trials = 0;
  double time_limit = 0;            ///< Seconds; 0 = none.
  double lease_seconds = 60;        ///< As in SchedulerOptions.
  std::int64_t bytes_per_rank = 0;  ///< As in MemoryBook.
};

/// How a run ended; all counts are of this run's graph.
struct RunOutcome {
  std::size_t tasks_run = 0, tasks_reused = 0;
  std::size_t trials_done = 0, trials_failed = 0;
  bool interrupted = false;  ///< Work is left; the same command resumes.
  /// Some rank still computes, or does not answer: the process should end
  /// without waiting for it.
  bool abandoned = false;
  std::string why;                ///< Of the interruption.
  std::string sweep;              ///< Its name.
  std::string best;               ///< The best trial in one line; empty = none.
  std::size_t parts_merged = 0;   ///< Of shards, by the one that ended last.
  std::vector<std::string> work;  ///< What it did, in lines for people.
  /// Failed trials: id and why.
  std::vector<std::pair<std::string, std::string>> failures;
};

/// The loop of rank 0: hands out tasks, records what comes back.
/// Borrows everything. One thread.
class Coordinator {
 public:
  /// `stop_requests` counts how often the user asked to stop.
  Coordinator(const SweepGraph& sweep, Executor& executor, Recorder& recorder,
              RunObserver& observer, const Clock& clock,
              std::function<int()> stop_requests, CoordinatorOptions options);

  /// Other runs may compute tasks of this graph at the same time.
  void SetClaims(TaskClaims* claims) { claims_ = claims; }
  void SetPriorRows(PriorRows rows) { orders_.SetPriorRows(std::move(rows)); }
  /// The job that the ranks are in ends: what does not fit into its time is not
  /// started.
  void SetTimeBudget(TimeBudget* budget) { budget_ = budget; }

  /// Runs everything that `targets` need. An error means that rank 0 itself
  /// cannot go on (database, channel); what was committed stays.
  Result<RunOutcome> Run(const std::vector<TaskId>& targets);

 private:
  Status Prepare(const std::vector<TaskId>& targets);
  Status HandOut();
  Status FilterClaimed(std::vector<Assignment>& given);
  Status AskForElsewhere();
  Status ReleaseUnused();
  Status StartBundle(std::span<const Assignment> bundle);
  Status HandleEvents();
  Status Handle(const ExecutorEvent& event);
  Status HandleWhat(const ExecutorEvent& event);
  void ShowProgress(int rank, const TaskProgress& progress);
  Status HandleReport(int rank, const TaskReport& report);
  Status HandleDone(int rank, const TaskReport& report);
  Status HandleNotDone(int rank, const TaskReport& report);
  Status HandleLostRank(int rank);
  Status HandleExpiry();
  void ForgiveSilence();
  void RemakeInput(TaskId reader, const BlobRef& broken);
  void GiveUp(const std::vector<TaskId>& ended, const Status& cause);
  void StopIfAsked();
  void StopIfHeldBack();
  enum class Stopping {
    kNow,
    kPatient,  ///< What will end before the job does goes on.
    kForGood,  ///< By a limit of the spec, which the next run would meet, too.
  };
  void Stop(std::string why, Stopping how = Stopping::kNow);
  void InterruptRanks();
  Status RecallUnbegun();
  bool MustAbandon() const;
  bool Admit(const Assignment& given);
  void HoldBack(const Assignment& given, double now);
  void LetGo();
  void Watch(int rank);
  double SecondsToWait() const;

  const SweepGraph& sweep_;
  Executor& executor_;
  Recorder& recorder_;
  RunObserver& observer_;
  const Clock& clock_;
  const std::function<int()> stop_requests_;
  const CoordinatorOptions options_;
  TaskClaims* claims_ = nullptr;
  TimeBudget* budget_ = nullptr;
  OrderMaker orders_;
  std::optional<Scheduler> scheduler_;
  std::vector<TaskId> elsewhere_;  // Computed by other runs.
  std::set<TaskId> claimed_;       // No other run computes them meanwhile.
  std::map<TaskId, int> remade_;   // How often outputs were gone.
  // By task: when it was last handed out and finished, as counts of both.
  std::vector<std::uint64_t> handed_out_, finished_;
  std::uint64_t moment_ = 0;
  double start_ = 0;
  double heard_at_ = 0;  // When what had come was last listened to.
  double stop_by_ = 0;   // When tasks are abandoned that were interrupted.
  bool patient_ = false, recall_unbegun_ = false, told_held_back_ = false;
  std::vector<bool> interrupted_;  // By rank, once the run stops.
  double ask_elsewhere_at_ = 0;
  std::optional<double> helpless_;  // Since when no rank is usable.
  RunOutcome outcome_;
};

}  // namespace besom::run
