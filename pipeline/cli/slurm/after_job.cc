#include "pipeline/cli/slurm/after_job.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <limits>
#include <system_error>
#include <thread>
#include <utility>

#include "cluster/job_link.h"
#include "cluster/slurm_allocation.h"
#include "cluster/slurm_queue.h"
#include "db/reader.h"
#include "db/results_store.h"
#include "pipeline/base/clock.h"
#include "pipeline/cli/reading/sweep_summary.h"
#include "pipeline/cli/standing_here.h"
#include "pipeline/run/sweep_plan.h"

namespace besom::cli {
namespace {

using cluster::LinkFacts;
using cluster::NextLink;
using Kind = NextLink::Kind;

/// A Slurm that does not answer is asked again for so long.
constexpr double kAskSeconds = 1800;
constexpr double kAskPause = 5;
/// A shorter time in a job is not worth starting ranks for.
constexpr double kLeastSeconds = 60;
/// After asking for it, Slurm ends this process within seconds.
constexpr double kRequeueSeconds = 120;

void Sleep(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

/// Of those with which Slurm warns the processes of a job that it ends;
/// programs that are started inherit it.
void MaskSignals(int how) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGUSR1);
  ::pthread_sigmask(how, &signals, nullptr);
}

/// Does `call` until Slurm answers, it takes too long, or `end` is near.
Status Insist(const Clock& clock, double end,
              const std::function<Status()>& call) {
  const double until = clock.Monotonic() + kAskSeconds;
  while (true) {
    Status status = call();
    if (status.code() != StatusCode::kIo || clock.Monotonic() > until ||
        (end > 0 && clock.Wall() > end - kAskPause))
      return status;
    Sleep(kAskPause);
  }
}

/// Where the results of the sweep, or of a shard of it, are while it runs.
Path DatabaseOf(const WorkspaceLayout& layout, const std::string& sweep,
                const std::optional<SweepShard>& shard) {
  return shard ? layout.part(sweep, *shard) : layout.database();
}

/// When a checkpoint was last written: seconds since 1970, 0 = never.
double LastCheckpoint(const WorkspaceLayout& layout) {
  double last = 0;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(layout.checkpoints(), error))
    if (const Result<FileStat> stat = StatFile(entry.path()); stat.ok())
      last = std::max(last, static_cast<double>(stat->mtime_ns) * 1e-9);
  return last;
}

/// Why the run that began at `since` (seconds since 1970) or later stopped for
/// good though work is left; "" = it did not.
std::string LimitSince(const Path& database, const std::string& sweep,
                       double since) {
  const auto reader = db::Reader::Open(database);
  if (!reader.ok()) return "";
  const auto rows = (*reader)->Query(
      "SELECT json_extract(text, '$.why') FROM events WHERE sweep = ? AND "
      "kind = 'stopping' AND json_extract(text, '$.for_good') AND time >= "
      "strftime('%Y-%m-%dT%H:%M:%f', ?, 'unixepoch') ORDER BY time DESC LIMIT "
      "1",
      {sweep, since});
  return rows.ok() && !rows->rows.empty() ? db::TextOf(rows->rows[0][0]) : "";
}

/// The end of one run in its job.
class JobEnd {
 public:
  JobEnd(const SubmitArguments& arguments, std::string sweep, const Json& slurm,
         cluster::SlurmAllocation allocation)
      : arguments_(arguments),
        layout_(arguments.run.options.workspace),
        shard_(arguments.run.options.shard),
        slurm_(slurm),
        allocation_(std::move(allocation)) {
    record_.sweep = std::move(sweep);
  }

  Result<int> Run();

 private:
  Result<bool> TakeRecord();
  Result<int> SweepCode() const;
  Result<LinkFacts> Facts(int sweep_code);
  Status Begin(const std::string& why);
  Result<int> Finish(const NextLink& next, int code);
  Result<int> GoBack(const NextLink& next);
  Result<int> SubmitNext(const NextLink& next);
  Result<std::string> Follower() const;
  std::vector<std::string> FollowerOptions() const;
  void Tell(const std::string& kind, const std::string& why) const;
  Status PutEvent(const std::string& kind, const std::string& why) const;

  const SubmitArguments& arguments_;
  const WorkspaceLayout layout_;
  const std::optional<SweepShard> shard_;
  const Json& slurm_;
  const cluster::SlurmAllocation allocation_;
  const SystemClock clock_;
  JobRecord record_;
  double end_ = 0;        // Of the job's time; 0 = not known.
  std::string excluded_;  // Nodes that the job leaves out, as Slurm has them.
};

/// The record is this job's from now on. False when it is that of another job
/// that is there, too: what follows is that one's to say.
Result<bool> JobEnd::TakeRecord() {
  BESOM_ASSIGN_OR_RETURN(std::optional<JobRecord> known,
                         ReadJobRecord(layout_, record_.sweep, shard_));
  const bool others = known && known->job != allocation_.job;
  if (others && known->ended == 0) {
    const auto job = cluster::FindJob({known->job, known->cluster});
    if (job.ok() && (job->phase == cluster::JobPhase::kRunning ||
                     job->phase == cluster::JobPhase::kPending)) {
      fmt::print(stderr,
                 "besom: nothing follows this job: job {} of {} is {}\n",
                 known->job, record_.sweep, job->state);
      return false;
    }
  }
  // Somebody may have handed the script to Slurm himself; else this job is the
  // known one, or the next of its chain.
  if (!known || (others && known->ended > 0))
    record_.submitted = record_.started = clock_.Wall();
  else
    record_ = *std::move(known);
  record_.job = allocation_.job;
  return true;
}

/// 0, 1 or 3, by the database alone.
Result<int> JobEnd::SweepCode() const {
  if (shard_) {
    BESOM_ASSIGN_OR_RETURN(const run::Standing standing,
                           StandingHere(arguments_.run.options));
    return standing.ExitCode();
  }
  return ExitCodeOfSweep(layout_.database(), record_.sweep);
}

Result<LinkFacts> JobEnd::Facts(int sweep_code) {
  LinkFacts facts;
  facts.complete = sweep_code != 3;
  facts.run_code = *arguments_.after_job;
  facts.cancelled = record_.cancelled;
  facts.links = record_.links;
  facts.max_links = slurm_.at("max_links");
  facts.may_requeue = slurm_.at("requeue");
  facts.seconds_needed =
      std::max(kLeastSeconds, 2.0 * slurm_.at("signal_seconds").get<double>());
  facts.progress = TasksDone(layout_, record_.sweep, shard_) > record_.done ||
                   LastCheckpoint(layout_) > record_.started;
  for (const auto& [node, count] : record_.losses)
    facts.node_lost |= count > record_.told_losses[node];
  if (facts.complete || facts.cancelled) return facts;
  facts.limit = LimitSince(DatabaseOf(layout_, record_.sweep, shard_),
                           record_.sweep, record_.started);
  cluster::QueuedJob job;
  const Status asked = Insist(clock_, end_, [&]() -> Status {
    BESOM_ASSIGN_OR_RETURN(job, cluster::FindJob({allocation_.job, ""}));
    return Status::Ok();
  });
  if (!asked.ok()) {
    fmt::print(stderr, "besom: {}\n", asked.ToString());
    return facts;
  }
  excluded_ = job.excluded;
  const bool runs = job.phase == cluster::JobPhase::kRunning;
  end_ = runs ? job.end : job.limit;
  facts.job = runs ? LinkFacts::Job::kRunning : LinkFacts::Job::kEnding;
  // A job without a limit has all the time.
  facts.seconds_left =
      end_ > 0 ? end_ - clock_.Wall() : std::numeric_limits<double>::max();
  facts.requeued = job.restarts > allocation_.restarts;
  facts.preempted = job.preempted;
  facts.may_requeue = facts.may_requeue && job.may_requeue;
  return facts;
}

/// For people: what follows does not depend on it.
void JobEnd::Tell(const std::string& kind, const std::string& why) const {
  fmt::print(stderr, "besom: {}: {}\n", kind, why);
  if (const Status put = PutEvent(kind, why); !put.ok())
    fmt::print(stderr, "besom: this is not in the events: {}\n",
               put.ToString());
}

/// An event of the sweep, where it has a database yet. Not of a shard: whoever
/// ends last may be taking its part away.
Status JobEnd::PutEvent(const std::string& kind, const std::string& why) const {
  if (shard_ || !StatFile(layout_.database()).ok()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const auto results,
                         db::ResultsStore::Open(layout_.database()));
  BESOM_ASSIGN_OR_RETURN(const auto sweep, results->FindSweep(record_.sweep));
  if (!sweep) return Status::Ok();
  db::CommitBatch batch;
  batch.events.push_back(
      {clock_.Wall(), kind,
       Json{{"job", record_.job}, {"link", record_.links}, {"why", why}}});
  return results->Commit(sweep->id, batch);
}

/// Remembers that the job is started once more, before it is.
Status JobEnd::Begin(const std::string& why) {
  ++record_.links;
  record_.ended = 0;
  record_.started = clock_.Wall();
  record_.done = TasksDone(layout_, record_.sweep, shard_);
  record_.why = why;
  record_.told_losses = record_.losses;
  return WriteJobRecord(layout_, record_, shard_);
}

Result<int> JobEnd::Finish(const NextLink& next, int code) {
  record_.ended = clock_.Wall();
  record_.why = next.why;
  BESOM_RETURN_IF_ERROR(WriteJobRecord(layout_, record_, shard_));
  if (next.kind == Kind::kNone) return code;
  Tell("slurm_stopped", next.why);
  fmt::print(stderr, "  cure: {}\n", next.cure);
  return std::max(code, *arguments_.after_job);
}

/// Another job of this sweep, or of this shard of it, that is there; "" = none.
Result<std::string> JobEnd::Follower() const {
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> jobs,
                         cluster::JobsOf(layout_.job_script(record_.sweep)));
  for (const std::string& job : jobs) {
    if (job == allocation_.job) continue;
    if (!shard_ || job.ends_with(fmt::format("_{}", shard_->index))) return job;
  }
  return std::string();
}

/// sbatch's options for it.
std::vector<std::string> JobEnd::FollowerOptions() const {
  std::vector<std::string> options = {"--dependency=afterany:" +
                                      allocation_.job};
  if (shard_) options.push_back(fmt::format("--array={}", shard_->index));
  std::vector<std::string> nodes = record_.ExcludedNodes();
  // It takes the place of what the script, or an earlier link, says.
  if (!excluded_.empty()) nodes.push_back(excluded_);
  if (!nodes.empty())
    options.push_back(fmt::format("--exclude={}", fmt::join(nodes, ",")));
  return options;
}

Result<int> JobEnd::SubmitNext(const NextLink& next) {
  const JobRecord before = record_;
  BESOM_RETURN_IF_ERROR(Begin(next.why));
  const std::vector<std::string> options = FollowerOptions();
  bool asked = false;
  std::string job;
  const Status submitted = Insist(clock_, end_, [&]() -> Status {
    // Slurm may have taken the job and not have come to say so.
    if (std::exchange(asked, true)) {
      BESOM_ASSIGN_OR_RETURN(job, Follower());
      if (!job.empty()) return Status::Ok();
    }
    BESOM_ASSIGN_OR_RETURN(
        const cluster::SubmittedJob sent,
        cluster::Submit({layout_.job_script(record_.sweep), options}));
    job = !shard_ ? sent.job : fmt::format("{}_{}", sent.job, shard_->index);
    return Status::Ok();
  });
  if (!submitted.ok()) {
    record_ = before;
    return Finish({Kind::kGiveUp,
                   fmt::format("no further job could be submitted: {}",
                               submitted.cause()),
                   "mend that, then submit again"},
                  3);
  }
  record_.job = job;
  BESOM_RETURN_IF_ERROR(WriteJobRecord(layout_, record_, shard_));
  Tell("slurm_submitted", next.why);
  return 3;
}

Result<int> JobEnd::GoBack(const NextLink& next) {
  BESOM_RETURN_IF_ERROR(Begin(next.why));
  Tell("slurm_requeued", next.why);
  const Status requeued =
      Insist(clock_, end_, [&] { return cluster::Requeue(allocation_.job); });
  if (!requeued.ok()) {
    fmt::print(stderr, "besom: {}\n", requeued.ToString());
    --record_.links;  // It is counted again.
    return SubmitNext(next);
  }
  const std::vector<std::string> excluded = record_.ExcludedNodes();
  // Where this fails the next run leaves those nodes out by itself.
  if (!excluded.empty()) (void)cluster::ExcludeNodes(allocation_.job, excluded);
  // Slurm is to end this process without delay.
  MaskSignals(SIG_UNBLOCK);
  Sleep(kRequeueSeconds);
  return 3;
}

Result<int> JobEnd::Run() {
  BESOM_ASSIGN_OR_RETURN(const bool ours, TakeRecord());
  BESOM_ASSIGN_OR_RETURN(const int code, SweepCode());
  if (!ours) return code;
  BESOM_ASSIGN_OR_RETURN(const LinkFacts facts, Facts(code));
  const NextLink next = cluster::DecideNextLink(facts);
  switch (next.kind) {
    case Kind::kNone:
    case Kind::kGiveUp:
      return Finish(next, code);
    case Kind::kRunAgain:
      BESOM_RETURN_IF_ERROR(Begin(next.why));
      Tell("slurm_again", next.why);
      return cluster::kRunAgain;
    case Kind::kRequeue:
      return GoBack(next);
    case Kind::kSubmit:
      return SubmitNext(next);
    case Kind::kSlurm:
      BESOM_RETURN_IF_ERROR(Begin(next.why));
      return code;
  }
  return InternalError("after-job", "an unknown kind of link");
}

}  // namespace

std::int64_t TasksDone(const WorkspaceLayout& layout, const std::string& sweep,
                       const std::optional<SweepShard>& shard) {
  const auto reader = db::Reader::Open(DatabaseOf(layout, sweep, shard));
  if (!reader.ok()) return 0;
  const auto rows = (*reader)->Query(
      "SELECT count(*) FROM attempts WHERE sweep = ? AND outcome = 'done'",
      {sweep});
  return rows.ok() ? db::IntegerOf(rows->rows[0][0]) : 0;
}

Result<int> AfterJob(const SubmitArguments& arguments) {
  const std::optional<cluster::SlurmAllocation> allocation =
      cluster::ReadAllocation(cluster::ProcessEnvironment());
  // Slurm warns all processes of a job that it ends. What follows the job is
  // written down first; the programs that are asked are not to end, either.
  MaskSignals(SIG_BLOCK);
  if (!allocation)
    return InvalidError("--after-job", "this is no Slurm job",
                        "submit without it; job scripts call it themselves");
  BESOM_ASSIGN_OR_RETURN(const run::PreparedSweep sweep,
                         run::ReadSweep(arguments.run.options));
  Json slurm = sweep.spec.base.at("slurm");
  slurm.update(arguments.slurm);
  return JobEnd(arguments, sweep.spec.name, slurm, *allocation).Run();
}

}  // namespace besom::cli
