#include "pipeline/run/run_sweep.h"

#include <fmt/format.h>

#include <algorithm>
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
#include "pipeline/run/file_claims.h"
#include "pipeline/run/fit_summaries.h"
#include "pipeline/run/holder_judge.h"
#include "pipeline/run/job_time.h"
#include "pipeline/run/known_outputs.h"
#include "pipeline/run/leader_comparisons.h"
#include "pipeline/run/prior_rows.h"
#include "pipeline/run/progress_observer.h"
#include "pipeline/run/run_settings.h"
#include "pipeline/run/run_targets.h"
#include "pipeline/run/shard_work.h"
#include "pipeline/run/sweep_lock.h"
#include "pipeline/run/take_sweep.h"
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

void Sleep(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
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

/// Rank 0's part of a run, step after step.
class SweepRun {
 public:
  SweepRun(const RunOptions& options, const RunServices& services)
      : options_(options),
        services_(services),
        layout_(services.blobs.layout()),
        offered_(OfferedBy(services.executor.traits())),
        judge_(ThisHolder(services.host, cluster::ProcessEnvironment()), jobs_,
               services.clock),
        parts_{layout_,       "",
               judge_,        services.clock,
               options.steal, services.stop_requests,
               Sleep},
        database_(layout_.database()) {}

  Result<RunOutcome> Run() {
    BESOM_RETURN_IF_ERROR(Open());
    BESOM_RETURN_IF_ERROR(Register());
    BESOM_ASSIGN_OR_RETURN(RunOutcome outcome, Execute());
    if (options_.shard) MergeIfLast(outcome);
    return outcome;
  }

 private:
  Status Open();
  Status Register();
  Status RegisterShard(const db::SweepRow& row);
  Status MeetEarlierWork();
  DatabaseSink MakeSink();
  Status AdoptFromWhole();
  Status ClearOldAudit();
  Result<RunOutcome> Execute();
  Status Compare(bool has_news);
  Status LearnRatesHere();
  Result<std::unique_ptr<JobTime>> TimeOfJob();
  Status TakeOverFinished(Recorder& recorder, ProgressObserver& observer,
                          FileClaims* claims);
  Status FindSharedScans(Recorder& recorder, FileClaims& claims);
  Status TellOfOwn(FileClaims& claims);
  void MergeIfLast(RunOutcome& outcome);
  int StopRequests() {
    return services_.stop_requests() + (watch_->IsLost() ? 1 : 0);
  }

  const RunOptions& options_;
  const RunServices& services_;
  const WorkspaceLayout& layout_;
  const std::vector<std::string> offered_;
  PreparedSweep sweep_;
  std::string numerics_;  // As stored.
  cluster::SlurmJobs jobs_;
  HolderJudge judge_;
  SweepParts parts_;
  Path database_;  // Of a shard: its part.
  // Given back in the opposite order.
  std::optional<HeldSweep> held_;
  std::optional<SweepLockWatch> watch_;
  std::unique_ptr<db::ResultsStore> results_;  // Of a shard: its part.
  std::optional<RunLock> run_lock_;
  db::SweepId id_{};
  db::RunRow run_;
  // What the workspace's database knew at the beginning.
  PriorRows priors_;
  TaskRates rates_;            // Also what a shard's own part knows.
  std::vector<TaskId> views_;  // To be made whoever reads them.
  EarlierWork earlier_;        // Of a shard, as the rest.
  std::vector<bool> shared_tasks_;
  std::size_t failed_before_ = 0;
  std::size_t adopted_ = 0;  // By AdoptFromWhole.
};

/// Reads and plans the sweep and takes its lock.
Status SweepRun::Open() {
  BESOM_ASSIGN_OR_RETURN(sweep_, ReadSweep(options_));
  parts_.sweep = sweep_.spec.name;
  // What is wrong with the data or the weights is found out before anything
  // is written, unless the workspace is there already.
  StoredContentDigests fresh(nullptr);
  const bool is_new = !StatFile(layout_.database()).ok();
  if (is_new) {
    BESOM_RETURN_IF_ERROR(ResolveNumerics(sweep_, numerics_, offered_));
    BESOM_RETURN_IF_ERROR(PlanGraph(sweep_, fresh, services_.threads));
  }
  BESOM_RETURN_IF_ERROR(
      CheckWorkspace({services_.executor, services_.blobs, services_.clock,
                      services_.stop_requests,
                      sweep_.spec.base.at("limits").at("lease").get<double>(),
                      sweep_.spec.base.at("store") == "ranks"}));
  BESOM_ASSIGN_OR_RETURN(
      HeldSweep held,
      TakeSweep(options_, parts_, CanonicalText(sweep_.spec.canonical())));
  held_.emplace(std::move(held));
  watch_.emplace(*held_->lock, services_.clock);
  results_ = std::move(held_->results);
  BESOM_RETURN_IF_ERROR(OpenLogFile(layout_.rank_log(0)));
  BESOM_RETURN_IF_ERROR(RemoveDeadRunLocks(layout_).status());
  BESOM_RETURN_IF_ERROR(services_.blobs.RemoveDeadTemporaries().status());
  BESOM_RETURN_IF_ERROR(fresh.WriteTo(*results_));
  BESOM_ASSIGN_OR_RETURN(const auto known,
                         results_->FindSweep(sweep_.spec.name));
  // Another shard may have begun meanwhile: it has resolved the numerics.
  if (is_new && !known) return Status::Ok();
  if (known) numerics_ = known->row.numerics;
  StoredContentDigests stored(results_.get());
  BESOM_RETURN_IF_ERROR(ResolveNumerics(sweep_, numerics_, offered_));
  BESOM_RETURN_IF_ERROR(PlanGraph(sweep_, stored, services_.threads));
  return stored.WriteTo(*results_);
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
  std::vector<db::TrialRow> trials = TrialRowsOf(sweep_);
  if (options_.shard) {
    BESOM_RETURN_IF_ERROR(results_->RegisterTrials(id_, trials));
    BESOM_RETURN_IF_ERROR(RegisterShard(row));
    std::set<std::string> kept;
    for (const PlannedTrial& trial : sweep_.graph.trials) kept.insert(trial.id);
    std::erase_if(trials, [&](const db::TrialRow& trial) {
      return !kept.contains(trial.trial);
    });
  }
  BESOM_RETURN_IF_ERROR(BeginAlone(
      {*held_->lock, layout_, *results_, services_.clock, options_.steal},
      judge_, id_, run_));
  BESOM_RETURN_IF_ERROR(results_->RegisterTrials(id_, trials));
  BESOM_RETURN_IF_ERROR(ForgetForRerun(sweep_, options_, *results_));
  if (!options_.shard) BESOM_RETURN_IF_ERROR(MeetEarlierWork());
  return services_.executor.Begin(BeginningOf(sweep_, run_.run));
}

/// Takes what the workspace's database knows, then goes on with the shard's
/// own, and with the trials of the shard alone.
Status SweepRun::RegisterShard(const db::SweepRow& row) {
  BESOM_RETURN_IF_ERROR(MeetEarlierWork());
  BESOM_RETURN_IF_ERROR(AdoptFromWhole());
  BESOM_RETURN_IF_ERROR(ClearOldAudit());
  SweepGraph& graph = sweep_.graph;
  std::vector<std::string> keys;
  for (TaskId task = 0; task < graph.graph.size(); ++task)
    keys.push_back(graph.graph[task].key.Hex());
  BESOM_ASSIGN_OR_RETURN(earlier_.actions, results_->FindActionsByKey(keys));
  BESOM_ASSIGN_OR_RETURN(earlier_.states, StatesOf(*results_, id_));
  shared_tasks_ = SharedTasks(graph, options_.shard->count);
  failed_before_ = KeepWorkOf(graph, *options_.shard, earlier_,
                              options_.rerun == "failed", services_.blobs);
  BESOM_RETURN_IF_ERROR(LearnRatesHere());
  database_ = layout_.part(sweep_.spec.name, *options_.shard);
  BESOM_ASSIGN_OR_RETURN(results_, OpenResults(database_));
  BESOM_ASSIGN_OR_RETURN(id_, results_->PutSweep(row));
  return Status::Ok();
}

/// What stands in the workspace's database of work that this run can use.
Status SweepRun::MeetEarlierWork() {
  BESOM_RETURN_IF_ERROR(AwaitKnown(sweep_.graph, *results_, services_.blobs,
                                   [&] { return StopRequests() > 0; }));
  BESOM_ASSIGN_OR_RETURN(
      priors_, FindPriorRows(sweep_.graph, *results_, services_.blobs));
  if (options_.shard && options_.shard->index > 0) return Status::Ok();
  for (const PlannedData& data : sweep_.graph.data) {
    BESOM_ASSIGN_OR_RETURN(
        const bool wanted,
        WantsViews(sweep_.graph, data, results_.get(), layout_));
    if (wanted) views_.push_back(data.augment);
  }
  return Status::Ok();
}

/// What writes into `results_`.
DatabaseSink SweepRun::MakeSink() {
  // Half a lease: no rank is taken for hung while this one looks for a blob.
  return {sweep_.graph,
          id_,
          *results_,
          services_.blobs,
          services_.clock,
          [this] { return StopRequests() > 0; },
          HowToRun(sweep_, options_).lease_seconds / 2};
}

/// What dead runs of the workspace's database had finished: of the whole sweep,
/// or of a part that has been merged since. Nobody else would look there; every
/// shard finds it from now on.
Status SweepRun::AdoptFromWhole() {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::RunRow> open,
                         results_->OpenRuns(id_));
  if (open.empty()) return Status::Ok();
  DatabaseSink sink = MakeSink();
  Recorder recorder(sweep_.graph, sink, services_.clock);
  BESOM_RETURN_IF_ERROR(recorder.FindDone());
  BESOM_ASSIGN_OR_RETURN(
      adopted_, AdoptFinished(sweep_.graph, id_, *results_, services_.blobs,
                              recorder, services_.clock));
  return Status::Ok();
}

/// A part can only bring an audit, not say that there is none any more.
Status SweepRun::ClearOldAudit() {
  const std::vector<PlannedData>& data = sweep_.graph.data;
  if (data.empty() || data[0].audit) return Status::Ok();
  db::CommitBatch batch;
  batch.audit = db::AuditTable{};
  return results_->Commit(id_, batch);
}

/// What is done before the first task: by earlier runs, dead ones, the planner.
/// `claims` of a shard, else null.
Status SweepRun::TakeOverFinished(Recorder& recorder,
                                  ProgressObserver& observer,
                                  FileClaims* claims) {
  BESOM_RETURN_IF_ERROR(recorder.FindDone());
  if (claims) BESOM_RETURN_IF_ERROR(FindSharedScans(recorder, *claims));
  BESOM_RETURN_IF_ERROR(RecordScans(sweep_.graph, recorder, services_.blobs));
  BESOM_ASSIGN_OR_RETURN(
      std::size_t adopted,
      AdoptFinished(sweep_.graph, id_, *results_, services_.blobs, recorder,
                    services_.clock));
  adopted += adopted_;
  if (adopted > 0)
    observer.Say(
        fmt::format("took over {} tasks that a killed run finished", adopted));
  if (claims) BESOM_RETURN_IF_ERROR(TellOfOwn(*claims));
  held_->beginning.reset();
  return Status::Ok();
}

/// Takes the scans that other shards have stored.
Status SweepRun::FindSharedScans(Recorder& recorder, FileClaims& claims) {
  for (const PlannedData& data : sweep_.graph.data) {
    if (recorder.outputs()[data.scan_task]) continue;
    BESOM_ASSIGN_OR_RETURN(const std::vector<ClaimOutcome> outcomes,
                           claims.Claim({data.scan_task}));
    if (outcomes[0].kind != ClaimOutcome::Kind::kDone) continue;
    BESOM_RETURN_IF_ERROR(
        recorder.TaskFound(data.scan_task, outcomes[0].known));
  }
  return Status::Ok();
}

/// How long tasks took that `results_` knows of; only a job that ends asks.
Status SweepRun::LearnRatesHere() {
  return options_.end_by > 0 ? LearnRates(*results_, rates_) : Status::Ok();
}

/// The coordinator's budget of time; null where the job does not end.
Result<std::unique_ptr<JobTime>> SweepRun::TimeOfJob() {
  if (options_.end_by <= 0) return std::unique_ptr<JobTime>();
  const Clock& clock = services_.clock;
  const RunBegins begins = BeginningOf(sweep_, run_.run);
  BESOM_RETURN_IF_ERROR(LearnRatesHere());
  return std::make_unique<JobTime>(
      sweep_.graph.graph, std::move(rates_),
      TimeBudgetOptions{clock.Monotonic() + options_.end_by - clock.Wall(),
                        services_.executor.ranks(),
                        begins.threads > 0 ? begins.threads : services_.threads,
                        begins.checkpoint_seconds});
}

/// Tells other shards what this one has done so far, should it have been killed
/// before it could.
Status SweepRun::TellOfOwn(FileClaims& claims) {
  std::vector<std::string> keys;
  for (TaskId task = 0; task < sweep_.graph.graph.size(); ++task)
    if (shared_tasks_[task]) keys.push_back(sweep_.graph.graph[task].key.Hex());
  BESOM_ASSIGN_OR_RETURN(const auto own, results_->FindActionsByKey(keys));
  std::vector<db::ActionRow> done;
  for (const std::optional<db::ActionRow>& action : own)
    if (action && !action->removed()) done.push_back(*action);
  return claims.Publish(done);
}

Result<RunOutcome> SweepRun::Execute() {
  WorkTally tally(sweep_.graph);
  ProgressObserver observer(
      options_.progress, services_.clock,
      [&] { return BestLine(database_, sweep_.spec.name); }, tally);
  if (!held_->lock->why().empty())
    observer.Say(fmt::format("took the sweep over from {}: {}",
                             held_->lock->robbed(), held_->lock->why()));
  if (held_->merged > 0)
    observer.Say(fmt::format("merged what {} shards had done", held_->merged));
  if (const std::string warning = ViewsWarning(sweep_); !warning.empty())
    observer.Say("note: " + warning);
  const auto stop_requests = [this] { return StopRequests(); };
  const auto must_stop = [this] { return StopRequests() > 0; };
  const CoordinatorOptions how = HowToRun(sweep_, options_);
  DatabaseSink sink = MakeSink();
  std::unique_ptr<db::ClaimBook> book;
  std::optional<DatabaseClaims> by_database;
  std::optional<FileClaims> by_files;
  if (options_.shard) {
    by_files.emplace(run_.run, sweep_.graph, shared_tasks_,
                     TaskNotes(layout_.task_notes(sweep_.spec.name)),
                     services_.blobs, judge_, services_.clock);
    sink.KnowEarlier(std::move(earlier_.actions));
    BESOM_RETURN_IF_ERROR(
        AwaitKnown(sweep_.graph, *results_, services_.blobs, must_stop));
  } else {
    BESOM_ASSIGN_OR_RETURN(book, db::ClaimBook::Open(layout_.database()));
    by_database.emplace(run_.run, sweep_.graph, *book, *results_, sink,
                        services_.blobs, judge_, services_.clock);
  }
  Recorder recorder(sweep_.graph, sink, services_.clock);
  BESOM_RETURN_IF_ERROR(
      TakeOverFinished(recorder, observer, by_files ? &*by_files : nullptr));
  // Before: what is committed is then never computed again. What is not
  // committed after all stands in the journal.
  if (by_files)
    sink.BeforeCommit([&](const std::vector<db::ActionRow>& actions) {
      return by_files->Publish(actions);
    });
  Coordinator coordinator(sweep_.graph, services_.executor, recorder, observer,
                          services_.clock, stop_requests, how);
  coordinator.SetPriorRows(std::move(priors_));
  if (by_files)
    coordinator.SetClaims(&*by_files);
  else
    coordinator.SetClaims(&*by_database);
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<JobTime> time, TimeOfJob());
  if (time) coordinator.SetTimeBudget(&time->budget());
  BESOM_ASSIGN_OR_RETURN(const auto states, StatesOf(*results_, id_));
  BESOM_ASSIGN_OR_RETURN(
      RunOutcome outcome,
      coordinator.Run(TargetsOf(sweep_.graph, options_, states, views_)));
  outcome.trials_failed +=
      failed_before_ + StayFailed(sweep_.graph, options_, states);
  if (watch_->IsLost())
    outcome.why = "the lock of the sweep is not ours any more";
  BESOM_RETURN_IF_ERROR(by_files ? by_files->ReleaseAll()
                                 : book->ReleaseAll(run_.run));
  // One that was asked to stop does so at once.
  if (!outcome.interrupted && !options_.shard)
    BESOM_RETURN_IF_ERROR(Compare(outcome.tasks_run > 0));
  // From here on nothing more can be written.
  run_.ended = services_.clock.Wall();
  run_.outcome = outcome.interrupted ? "interrupted" : "finished";
  BESOM_RETURN_IF_ERROR(results_->PutRun(id_, run_));
  outcome.sweep = sweep_.spec.name;
  outcome.best = BestLine(database_, sweep_.spec.name);
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

/// The shard that ends last merges the parts of all.
void SweepRun::MergeIfLast(RunOutcome& outcome) {
  if (outcome.interrupted) return;
  // Others, who may end at the same time, see this one dead from here on: the
  // last of them finds nobody alive.
  run_lock_.reset();
  results_.reset();
  watch_.reset();
  held_->lock.reset();
  const Result<std::size_t> merged = MergeEndedShards(parts_);
  if (merged.ok()) {
    outcome.parts_merged = *merged;
    if (*merged > 0)
      outcome.best = BestLine(layout_.database(), sweep_.spec.name);
    return;
  }
  outcome.interrupted = true;
  outcome.why = fmt::format(
      "its trials have ended, but what the shards did is not merged yet: {}",
      merged.status().ToString());
}

}  // namespace

Result<RunOutcome> RunSweep(const RunOptions& options,
                            const RunServices& services) {
  return SweepRun(options, services).Run();
}

}  // namespace besom::run
