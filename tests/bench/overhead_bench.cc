// Prints what a task costs besides its work: tasks that do nothing, one trial
// and one committed row each, and the same with one blob of 4 KiB per task.
//   mpirun -n 2 overhead_bench [--tasks N] [--folder NEW]
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "cluster/mpi_session.h"
#include "pipeline/run/coordinator.h"
#include "pipeline/run/database_claims.h"
#include "pipeline/run/rank_executor.h"
#include "pipeline/run/rank_worker.h"
#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

constexpr std::size_t kBlobBytes = 4096;

/// Leaves nothing behind, or a blob of its own.
class NothingStage final : public stages::Stage {
 public:
  std::string_view name() const noexcept override { return "nothing"; }
  int version() const noexcept override { return 1; }
  Result<stages::StageOutput> Run(const stages::StageInput& input) override {
    stages::StageOutput output;
    if (!input.params.at("blob").get<bool>()) return output;
    std::string bytes = input.params.dump();
    bytes.resize(kBlobBytes, ' ');
    output.blobs["out"] = std::move(bytes);
    return output;
  }
};

SweepGraph Plan(std::size_t tasks, bool blob) {
  SweepGraph sweep;
  for (std::size_t i = 0; i < tasks; ++i) {
    TaskNode node;
    node.stage = "nothing";
    node.params = {{"number", i}, {"blob", blob}};
    node.hints = Json::object();
    node.key = DigestOfJson(node.params);
    node.label = fmt::format("nothing {}", i);
    node.cost = 1e-5;
    PlannedTrial trial;
    trial.id = node.key.Hex().substr(0, 16);
    trial.parameters = Json::object();
    const TaskId task = sweep.graph.Add(std::move(node));
    trial.fits.push_back({0, 0, task, task});
    sweep.trials.push_back(std::move(trial));
  }
  return sweep;
}

Result<db::SweepId> Register(const SweepGraph& sweep, const std::string& name,
                             db::ResultsStore& results) {
  db::SweepRow row;
  row.name = name;
  row.metric = {"loss", "loss", "", false};
  row.split = "validation";
  BESOM_ASSIGN_OR_RETURN(const db::SweepId id, results.PutSweep(row));
  std::vector<db::TrialRow> trials;
  for (const PlannedTrial& trial : sweep.trials) {
    db::TrialRow& planned = trials.emplace_back();
    planned.trial = trial.id;
    planned.ordinal = static_cast<std::int64_t>(trials.size()) - 1;
    planned.parameters = Json::object();
    planned.config = "{}";
    planned.fits = 0;
  }
  BESOM_RETURN_IF_ERROR(results.RegisterTrials(id, trials));
  return id;
}

std::vector<RankTraits> TraitsOf(const cluster::MpiSession& session) {
  std::vector<RankTraits> traits;
  for (const int host : session.hosts()) traits.push_back({.host = host});
  return traits;
}

/// Runs `sweep` and prints how long it took.
Status Measure(const std::string& name, const SweepGraph& sweep,
               Executor& executor, BlobStore& blobs) {
  const SystemClock clock;
  BESOM_ASSIGN_OR_RETURN(const auto results,
                         db::ResultsStore::Open(blobs.layout().database()));
  BESOM_ASSIGN_OR_RETURN(const db::SweepId id, Register(sweep, name, *results));
  BESOM_ASSIGN_OR_RETURN(const RunLock lock,
                         RunLock::Take(blobs.layout(), name, "bench"));
  BESOM_RETURN_IF_ERROR(executor.Begin({name}));
  DatabaseSink sink(sweep, id, *results, blobs, clock);
  Recorder recorder(sweep, sink, clock);
  BESOM_RETURN_IF_ERROR(recorder.FindDone());
  BESOM_ASSIGN_OR_RETURN(const auto book,
                         db::ClaimBook::Open(blobs.layout().database()));
  cluster::SlurmJobs jobs;
  HolderJudge judge({}, jobs, clock);
  DatabaseClaims claims(name, sweep, *book, *results, sink, blobs, judge,
                        clock);
  RunObserver observer;
  Coordinator coordinator(sweep, executor, recorder, observer, clock,
                          [] { return 0; }, {});
  coordinator.SetClaims(&claims);
  std::vector<TaskId> targets;
  for (const PlannedTrial& trial : sweep.trials)
    targets.push_back(trial.fits[0].evaluate);
  const double start = clock.Monotonic();
  BESOM_ASSIGN_OR_RETURN(const RunOutcome outcome, coordinator.Run(targets));
  const double seconds = clock.Monotonic() - start;
  if (outcome.trials_done != sweep.trials.size())
    return InternalError(
        name, fmt::format("{} of {} trials are done", outcome.trials_done,
                          sweep.trials.size()));
  std::printf(
      "%s\n",
      Json{{"name", name}, {"tasks", sweep.graph.size()}, {"seconds", seconds}}
          .dump()
          .c_str());
  return Status::Ok();
}

Status Run(std::size_t tasks, const Path& folder) {
  BESOM_ASSIGN_OR_RETURN(const auto session, cluster::MpiSession::Start());
  BESOM_ASSIGN_OR_RETURN(const auto comm, session->OpenChannel());
  BlobStore blobs{WorkspaceLayout(folder)};
  const SystemClock clock;
  stages::StageRegistry stages;
  stages.emplace("nothing", std::make_unique<NothingStage>());
  TaskRunner runner(blobs, stages, clock, {.host = session->host()});
  if (comm->rank() != 0) return RankWorker(*comm, runner).Run();
  RankExecutor executor(*comm, runner, TraitsOf(*session));
  Status status = Measure("rows_only", Plan(tasks, false), executor, blobs);
  if (status.ok())
    status = Measure("with_4k_blob", Plan(tasks, true), executor, blobs);
  const Status closed = executor.Shutdown();
  return status.ok() ? closed : status;
}

}  // namespace
}  // namespace besom::run

int main(int argc, char** argv) {
  std::size_t tasks = 10000;
  besom::Path folder = "overhead-workspace";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--tasks")
      tasks = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::string_view(argv[i]) == "--folder") folder = argv[i + 1];
  }
  const besom::Status status = besom::run::Run(tasks, folder);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
