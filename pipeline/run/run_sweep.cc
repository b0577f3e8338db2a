#include "pipeline/run/run_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "db/reader.h"
#include "pipeline/base/log.h"
#include "pipeline/run/adopt.h"
#include "pipeline/run/begin_alone.h"
#include "pipeline/run/database_claims.h"
#include "pipeline/run/database_sink.h"
#include "pipeline/run/fit_summaries.h"
#include "pipeline/run/holder_judge.h"
#include "pipeline/run/known_outputs.h"
#include "pipeline/run/leader_comparisons.h"
#include "pipeline/run/prior_rows.h"
#include "pipeline/run/progress_observer.h"
#include "pipeline/run/result_rows.h"
#include "pipeline/run/stage_versions.h"
#include "pipeline/run/sweep_lock.h"
#include "pipeline/run/workspace_check.h"
#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

/// "best so far: TRIAL, recall/covid 0.94 on validation"; empty = none yet.
std::string BestLine(const Path& database, const std::string& sweep) {
  const auto reader = db::Reader::Open(database);
  if (!reader.ok()) return "";
  const auto rows = (*reader)->Query(
      "SELECT trial, metric, value, split, parameters FROM leaderboard "
      "WHERE sweep = ? AND rank = 1",
      {sweep});
  if (!rows.ok() || rows->rows.empty()) return "";
  const auto& row = rows->rows[0];
  return fmt::format("best: {}, {} {:.4f} on {}, {}", db::TextOf(row[0]),
                     db::TextOf(row[1]), db::NumberOf(row[2]),
                     db::TextOf(row[3]), db::TextOf(row[4]));
}

Result<SweepLock> TakeSweepLock(const std::string& sweep,
                                const RunOptions& options,
                                const RunServices& services,
                                HolderJudge& judge) {
  SweepLockRequest request;
  request.sweep = sweep;
  request.path = services.blobs.layout().sweep_lock(sweep);
  request.wait = options.wait;
  request.steal = options.steal;
  request.stop_requests = services.stop_requests;
  request.sleep = [](double seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  };
  return SweepLock::Take(request, judge);
}

/// `limits.failures`: a count or a share of the trials ("10%").
std::size_t MostFailures(const Json& limits, std::size_t trials) {
  const Json& failures = limits.at("failures");
  if (failures.is_number()) return failures.get<std::size_t>();
  const double percent = std::stod(failures.get<std::string>());
  return static_cast<std::size_t>(
      std::ceil(percent / 100.0 * static_cast<double>(trials)));
}

/// Whether a trial that failed in an earlier run is tried again.
bool Retries(const RunOptions& options, const PlannedTrial& trial) {
  return options.rerun == "failed" || options.rerun == "all" ||
         (!options.rerun.empty() && trial.id.starts_with(options.rerun));
}

/// The tasks that options ask for: whole stages up to `until`, or the trials.
/// `views`: those of `augment` that are to be made whoever reads them.
std::vector<TaskId> TargetsOf(
    const PreparedSweep& sweep, const RunOptions& options,
    const std::map<std::string, db::TrialState>& states,
    const std::vector<TaskId>& views) {
  const SweepGraph& graph = sweep.graph;
  const std::vector<std::string>& order = StageOrder();
  const auto rank = [&](const std::string& stage) {
    return std::find(order.begin(), order.end(), stage) - order.begin();
  };
  std::vector<TaskId> targets;
  if (!options.until.empty() && options.until != "evaluate") {
    for (TaskId task = 0; task < graph.graph.size(); ++task)
      if (graph.graph[task].stage != "scan" &&
          rank(graph.graph[task].stage) <= rank(options.until))
        targets.push_back(task);
    return targets;
  }
  for (const PlannedData& data : graph.data) {
    targets.push_back(data.split);
    if (data.audit) targets.push_back(*data.audit);
  }
  targets.insert(targets.end(), views.begin(), views.end());
  std::int64_t fresh = 0;
  for (const PlannedTrial& trial : graph.trials) {
    const auto state = states.find(trial.id);
    const db::TrialState known =
        state == states.end() ? db::TrialState::kPending : state->second;
    if (known == db::TrialState::kFailed && !Retries(options, trial)) continue;
    if (known != db::TrialState::kDone) {
      if (options.limit > 0 && fresh == options.limit) continue;
      ++fresh;
    }
    for (const PlannedFit& fit : trial.fits) targets.push_back(fit.evaluate);
  }
  return targets;
}

/// Trials that failed in an earlier run and are not tried again in this one.
std::size_t StayFailed(const SweepGraph& sweep, const RunOptions& options,
                       const std::map<std::string, db::TrialState>& states) {
  return static_cast<std::size_t>(
      std::ranges::count_if(sweep.trials, [&](const PlannedTrial& trial) {
        const auto state = states.find(trial.id);
        return state != states.end() &&
               state->second == db::TrialState::kFailed &&
               !Retries(options, trial);
      }));
}

/// resources.memory_per_rank in bytes; 0 = auto.
std::int64_t BytesPerRank(const PreparedSweep& sweep) {
  const Json& memory = sweep.spec.base.at("resources").at("memory_per_rank");
  return memory.is_number() ? memory.get<std::int64_t>() << 20 : 0;
}

CoordinatorOptions HowToRun(const PreparedSweep& sweep,
                            const RunOptions& options) {
  const Json& limits = sweep.spec.base.at("limits");
  const std::size_t trials = sweep.graph.trials.size();
  CoordinatorOptions how;
  how.max_retries = limits.at("retries");
  how.fail_fast = options.fail_fast;
  how.max_failed_trials =
      options.keep_going ? trials : MostFailures(limits, trials);
  how.time_limit = limits.at("time");
  how.lease_seconds = limits.at("lease");
  how.bytes_per_rank = BytesPerRank(sweep);
  return how;
}

/// The tags that the ranks of this job offer, those of GPUs first.
std::vector<std::string> OfferedBy(const std::vector<RankTraits>& ranks) {
  std::vector<std::string> offered;
  for (const bool on_gpu : {true, false})
    for (const RankTraits& rank : ranks)
      for (const std::string& tag : rank.numerics)
        if (IsOfDevice(tag, "cuda") == on_gpu &&
            std::ranges::find(offered, tag) == offered.end())
          offered.push_back(tag);
  return offered;
}

/// What the ranks are told of the run.
RunBegins BeginningOf(const PreparedSweep& sweep, const std::string& run) {
  const Json& base = sweep.spec.base;
  const Json& threads = base.at("resources").at("threads_per_rank");
  return {run, threads.is_number() ? threads.get<int>() : 0,
          BytesPerRank(sweep), base.at("limits").at("checkpoint")};
}

/// Whether a run comes to the stages that compute with the sweep's numerics.
bool Computes(const RunOptions& options) {
  const std::vector<std::string>& order = StageOrder();
  return std::ranges::find(order, options.until) >=
         std::ranges::find(order, "features");
}

/// This process as a run that begins now.
db::RunRow ThisRun(const RunServices& services, const LockHolder& self) {
  db::RunRow run;
  run.started = services.clock.Wall();
  run.run = fmt::format("{}-{}-{:.6f}", services.host, self.pid, run.started);
  run.host = services.host;
  run.pid = self.pid;
  run.job = self.job;
  run.ranks = services.executor.ranks();
  return run;
}

/// Forgets what `--rerun` names, so that it is computed again.
Status ForgetForRerun(const PreparedSweep& sweep, const RunOptions& options,
                      db::ResultsStore& results) {
  if (options.rerun.empty() || options.rerun == "failed") return Status::Ok();
  std::vector<std::string> keys;
  std::size_t matched = 0;
  for (const PlannedTrial& trial : sweep.graph.trials) {
    if (options.rerun != "all" && !trial.id.starts_with(options.rerun))
      continue;
    ++matched;
    for (const PlannedFit& fit : trial.fits)
      for (const TaskId task : {fit.fine_tune, fit.evaluate})
        keys.push_back(sweep.graph.graph[task].key.Hex());
  }
  if (matched == 0 || (options.rerun != "all" && matched > 1))
    return InvalidError(
        "--rerun", fmt::format("'{}' names {} trials", options.rerun, matched),
        "pass failed, all, or the beginning of one trial's id");
  return results.ForgetActions(keys);
}

/// The planner itself made the scan: stores it as a finished task.
Status RecordScans(const SweepGraph& sweep, Recorder& recorder,
                   BlobStore& blobs) {
  for (const PlannedData& data : sweep.data) {
    // Put repairs a blob that was damaged.
    BESOM_ASSIGN_OR_RETURN(const BlobRef blob, blobs.Put(data.scan_bytes));
    if (recorder.outputs()[data.scan_task]) continue;
    TaskReport report;
    report.task = data.scan_task;
    report.outputs = {{"scan", blob}};
    report.counters["images"] = data.scan.entries.size();
    BESOM_RETURN_IF_ERROR(recorder.TaskDone(report, 0));
  }
  return recorder.Flush();
}

std::string ViewsWarning(const PreparedSweep& sweep) {
  for (const PlannedTrial& trial : sweep.graph.trials) {
    const int views = trial.config.at("augment").at("views");
    const int epochs = trial.config.at("train").at("epochs");
    if (views > 0 && views < epochs)
      return fmt::format(
          "augment.views = {} is less than train.epochs = {}: the "
          "views of an image repeat",
          views, epochs);
  }
  return "";
}

Result<std::map<std::string, db::TrialState>> StatesOf(
    db::ResultsStore& results, db::SweepId id) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::TrialStatus> all,
                         results.TrialStates(id));
  std::map<std::string, db::TrialState> states;
  for (const db::TrialStatus& status : all) states[status.trial] = status.state;
  return states;
}

/// Rank 0's part of a run, step after step.
class SweepRun {
 public:
  SweepRun(const RunOptions& options, const RunServices& services)
      : options_(options),
        services_(services),
        layout_(services.blobs.layout()),
        offered_(OfferedBy(services.executor.traits())),
        judge_(ThisHolder(services.host, cluster::ProcessEnvironment()), jobs_,
               services.clock) {}

  Result<RunOutcome> Run() {
    BESOM_RETURN_IF_ERROR(Open());
    BESOM_RETURN_IF_ERROR(Register());
    return Execute();
  }

 private:
  Status Open();
  Status OpenWorkspace();
  Status Register();
  Result<std::vector<TaskId>> ViewsToMake();
  Result<RunOutcome> Execute();
  Status Compare(bool has_news);
  Status TakeOverFinished(Recorder& recorder, ProgressObserver& observer);

  const RunOptions& options_;
  const RunServices& services_;
  const WorkspaceLayout& layout_;
  const std::vector<std::string> offered_;
  PreparedSweep sweep_;
  std::string numerics_;  // As stored.
  cluster::SlurmJobs jobs_;
  HolderJudge judge_;
  // Given back in the opposite order.
  std::optional<SweepLock> lock_;
  std::unique_ptr<db::ResultsStore> results_;
  std::optional<WorkspaceLock> shared_;
  std::optional<RunLock> run_lock_;
  db::SweepId id_{};
  db::RunRow run_;
};

/// Reads and plans the sweep and takes its lock.
Status SweepRun::Open() {
  BESOM_ASSIGN_OR_RETURN(sweep_, ReadSweep(options_));
  // What is wrong with the data or the weights is found out before anything
  // is written, unless the workspace is there already.
  StoredContentDigests fresh(nullptr);
  const bool is_new = !StatFile(layout_.database()).ok();
  if (is_new) {
    BESOM_RETURN_IF_ERROR(ResolveNumerics(sweep_, numerics_, offered_));
    BESOM_RETURN_IF_ERROR(PlanGraph(sweep_, fresh, services_.threads));
  }
  BESOM_RETURN_IF_ERROR(OpenWorkspace());
  if (is_new) return fresh.WriteTo(*results_);
  StoredContentDigests stored(results_.get());
  BESOM_ASSIGN_OR_RETURN(const auto known,
                         results_->FindSweep(sweep_.spec.name));
  if (known) numerics_ = known->row.numerics;
  BESOM_RETURN_IF_ERROR(ResolveNumerics(sweep_, numerics_, offered_));
  BESOM_RETURN_IF_ERROR(PlanGraph(sweep_, stored, services_.threads));
  return stored.WriteTo(*results_);
}

Status SweepRun::OpenWorkspace() {
  BESOM_RETURN_IF_ERROR(
      CheckWorkspace({services_.executor, services_.blobs, services_.clock,
                      services_.stop_requests,
                      sweep_.spec.base.at("limits").at("lease").get<double>(),
                      sweep_.spec.base.at("store") == "ranks"}));
  BESOM_ASSIGN_OR_RETURN(
      SweepLock lock,
      TakeSweepLock(sweep_.spec.name, options_, services_, judge_));
  lock_.emplace(std::move(lock));
  BESOM_ASSIGN_OR_RETURN(results_, db::ResultsStore::Open(layout_.database()));
  results_->SummarizeBy({SummarizeFits, PoolThreshold});
  BESOM_RETURN_IF_ERROR(OpenLogFile(layout_.rank_log(0)));
  BESOM_ASSIGN_OR_RETURN(WorkspaceLock shared,
                         WorkspaceLock::TakeShared(layout_));
  shared_.emplace(std::move(shared));
  BESOM_RETURN_IF_ERROR(RemoveDeadRunLocks(layout_).status());
  return services_.blobs.RemoveDeadTemporaries().status();
}

/// Puts the sweep, this run and the trials into the database, tells the ranks.
Status SweepRun::Register() {
  BESOM_ASSIGN_OR_RETURN(db::SweepRow row,
                         SweepRowOf(sweep_, services_.clock.Wall()));
  // What only looks at the data may run on a machine without the devices.
  if (!Computes(options_)) row.numerics = numerics_;
  BESOM_ASSIGN_OR_RETURN(id_, results_->PutSweep(row));
  run_ = ThisRun(services_, judge_.self());
  BESOM_ASSIGN_OR_RETURN(
      RunLock run_lock,
      RunLock::Take(layout_, run_.run, judge_.self().ToText()));
  run_lock_.emplace(std::move(run_lock));
  BESOM_RETURN_IF_ERROR(
      BeginAlone({*lock_, layout_, *results_, services_.clock, options_.steal},
                 judge_, id_, run_));
  BESOM_RETURN_IF_ERROR(results_->RegisterTrials(id_, TrialRowsOf(sweep_)));
  BESOM_RETURN_IF_ERROR(ForgetForRerun(sweep_, options_, *results_));
  return services_.executor.Begin(BeginningOf(sweep_, run_.run));
}

/// What is done before the first task: by earlier runs, dead ones, the planner.
Status SweepRun::TakeOverFinished(Recorder& recorder,
                                  ProgressObserver& observer) {
  BESOM_RETURN_IF_ERROR(recorder.FindDone());
  BESOM_RETURN_IF_ERROR(RecordScans(sweep_.graph, recorder, services_.blobs));
  BESOM_ASSIGN_OR_RETURN(
      const std::size_t adopted,
      AdoptFinished(sweep_.graph, id_, *results_, services_.blobs, recorder,
                    services_.clock));
  if (adopted > 0)
    observer.Say(
        fmt::format("took over {} tasks that a killed run finished", adopted));
  return Status::Ok();
}

Result<std::vector<TaskId>> SweepRun::ViewsToMake() {
  std::vector<TaskId> views;
  for (const PlannedData& data : sweep_.graph.data) {
    BESOM_ASSIGN_OR_RETURN(
        const bool wanted,
        WantsViews(sweep_.graph, data, results_.get(), layout_));
    if (wanted) views.push_back(data.augment);
  }
  return views;
}

Result<RunOutcome> SweepRun::Execute() {
  WorkTally tally(sweep_.graph);
  ProgressObserver observer(
      options_.progress, services_.clock,
      [&] { return BestLine(layout_.database(), sweep_.spec.name); }, tally);
  if (!lock_->why().empty())
    observer.Say(fmt::format("took the sweep over from {}: {}", lock_->robbed(),
                             lock_->why()));
  if (const std::string warning = ViewsWarning(sweep_); !warning.empty())
    observer.Say("note: " + warning);
  SweepLockWatch watch(*lock_, services_.clock);
  const auto stop_requests = [&] {
    return services_.stop_requests() + (watch.IsLost() ? 1 : 0);
  };
  const auto must_stop = [&] { return stop_requests() > 0; };
  BESOM_RETURN_IF_ERROR(
      AwaitKnown(sweep_.graph, *results_, services_.blobs, must_stop));
  const CoordinatorOptions how = HowToRun(sweep_, options_);
  // Half a lease: no rank is taken for hung while this one looks for a blob.
  DatabaseSink sink(sweep_.graph, id_, *results_, services_.blobs,
                    services_.clock, must_stop, how.lease_seconds / 2);
  Recorder recorder(sweep_.graph, sink, services_.clock);
  BESOM_RETURN_IF_ERROR(TakeOverFinished(recorder, observer));
  Coordinator coordinator(sweep_.graph, services_.executor, recorder, observer,
                          services_.clock, stop_requests, how);
  BESOM_ASSIGN_OR_RETURN(
      Coordinator::PriorRows priors,
      FindPriorRows(sweep_.graph, *results_, services_.blobs));
  coordinator.SetPriorRows(std::move(priors));
  BESOM_ASSIGN_OR_RETURN(const auto book,
                         db::ClaimBook::Open(layout_.database()));
  DatabaseClaims claims(run_.run, sweep_.graph, *book, *results_, sink,
                        services_.blobs, judge_, services_.clock);
  coordinator.SetClaims(&claims);
  BESOM_ASSIGN_OR_RETURN(const auto states, StatesOf(*results_, id_));
  BESOM_ASSIGN_OR_RETURN(const std::vector<TaskId> views, ViewsToMake());
  BESOM_ASSIGN_OR_RETURN(
      RunOutcome outcome,
      coordinator.Run(TargetsOf(sweep_, options_, states, views)));
  outcome.trials_failed += StayFailed(sweep_.graph, options_, states);
  if (watch.IsLost())
    outcome.why = "the lock of the sweep is not ours any more";
  BESOM_RETURN_IF_ERROR(book->ReleaseAll(run_.run));
  // One that was asked to stop does so at once.
  if (!outcome.interrupted)
    BESOM_RETURN_IF_ERROR(Compare(outcome.tasks_run > 0));
  // From here on nothing more can be written.
  run_.ended = services_.clock.Wall();
  run_.outcome = outcome.interrupted ? "interrupted" : "finished";
  BESOM_RETURN_IF_ERROR(results_->PutRun(id_, run_));
  outcome.sweep = sweep_.spec.name;
  outcome.best = BestLine(layout_.database(), sweep_.spec.name);
  if (outcome.tasks_run > 0) outcome.work = tally.Lines();
  return outcome;
}

/// How sure the first place of the leaderboard is.
Status SweepRun::Compare(bool has_news) {
  BESOM_ASSIGN_OR_RETURN(
      const bool lacks, LacksComparisons(layout_.database(), sweep_.spec.name));
  if (!has_news && !lacks) return Status::Ok();
  return RecordComparisons(layout_.database(), sweep_.spec.name);
}

}  // namespace

Result<RunOutcome> RunSweep(const RunOptions& options,
                            const RunServices& services) {
  return SweepRun(options, services).Run();
}

Result<Standing> FindStanding(const RunOptions& options, int threads,
                              const std::vector<std::string>& offered) {
  const WorkspaceLayout layout(options.workspace);
  Standing standing;
  if (!options.until.empty() || !options.rerun.empty() ||
      !StatFile(layout.database()).ok())
    return standing;
  BESOM_ASSIGN_OR_RETURN(PreparedSweep sweep, ReadSweep(options));
  BESOM_ASSIGN_OR_RETURN(const auto results,
                         db::ResultsStore::Open(layout.database()));
  BESOM_ASSIGN_OR_RETURN(const auto stored,
                         results->FindSweep(sweep.spec.name));
  // A changed spec is registered by a run, even when no work is left.
  if (!stored || stored->row.spec_json != CanonicalText(sweep.spec.canonical()))
    return standing;
  BESOM_RETURN_IF_ERROR(ResolveNumerics(sweep, stored->row.numerics, offered));
  StoredContentDigests digests(results.get());
  BESOM_RETURN_IF_ERROR(PlanGraph(sweep, digests, threads));
  BESOM_RETURN_IF_ERROR(digests.WriteTo(*results));
  BESOM_ASSIGN_OR_RETURN(const auto states, StatesOf(*results, stored->id));
  for (const PlannedTrial& trial : sweep.graph.trials) {
    const auto state = states.find(trial.id);
    if (state == states.end()) return standing;
    if (state->second == db::TrialState::kFailed)
      ++standing.failed;
    else if (state->second != db::TrialState::kDone)
      return standing;
  }
  // A run may have been ended between its last trial and the audit.
  BESOM_ASSIGN_OR_RETURN(standing.complete, IsAudited(sweep.graph, *results));
  return standing;
}

}  // namespace besom::run
