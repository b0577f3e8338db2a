#include "pipeline/cli/run_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/say_audit.h"
#include "pipeline/run/rank_executor.h"
#include "pipeline/run/rank_worker.h"

namespace besom::cli {
namespace {

/// The first failures with their reasons; equal reasons are told once.
void PrintFailures(const run::RunOutcome& outcome) {
  constexpr std::size_t kMostReasons = 10;
  std::vector<std::pair<std::string, std::vector<std::string>>> reasons;
  for (const auto& [trial, why] : outcome.failures) {
    auto known = std::ranges::find(
        reasons, why, &std::pair<std::string, std::vector<std::string>>::first);
    if (known == reasons.end())
      known = reasons.insert(reasons.end(), {why, {}});
    known->second.push_back(trial);
  }
  for (std::size_t i = 0; i < reasons.size() && i < kMostReasons; ++i) {
    const auto& [why, trials] = reasons[i];
    fmt::print(stderr, "besom: {} failed ({}{}): {}\n",
               trials.size() == 1 ? "1 trial"
                                  : fmt::format("{} trials", trials.size()),
               trials[0], trials.size() > 1 ? ", ..." : "", why);
  }
  if (reasons.size() > kMostReasons)
    fmt::print(stderr, "besom: and {} other reasons; see the view `attempts`\n",
               reasons.size() - kMostReasons);
  if (!outcome.failures.empty())
    fmt::print(stderr, "  cure: --rerun failed tries them again\n");
}

int Summarise(const run::RunOptions& options, const run::RunOutcome& outcome) {
  fmt::print("{} trials done, {} failed; {} tasks run, {} reused\n",
             outcome.trials_done, outcome.trials_failed, outcome.tasks_run,
             outcome.tasks_reused);
  for (const std::string& line : outcome.work) fmt::print("{}\n", line);
  if (outcome.parts_merged > 0)
    fmt::print("all shards have ended: what {} of them did is merged\n",
               outcome.parts_merged);
  if (!outcome.best.empty()) fmt::print("{}\n", outcome.best);
  if (!outcome.interrupted)
    SayAudit(WorkspaceLayout(options.workspace), outcome.sweep);
  std::fflush(stdout);
  PrintFailures(outcome);
  if (outcome.interrupted) {
    fmt::print(stderr,
               "besom: stopped before the end: {}\n"
               "  cure: run the same command again, it resumes\n",
               outcome.why);
    return 3;
  }
  return outcome.trials_failed > 0 ? 1 : 0;
}

int Coordinate(const run::RunOptions& options, const RankProcess& process,
               BlobStore& blobs, run::TaskRunner& runner, const Clock& clock) {
  run::RankExecutor executor(process.comm, runner, process.traits);
  run::RunServices services{
      executor,     blobs,
      clock,        [&] { return process.interrupt.count(); },
      process.host, process.place.threads};
  const Result<run::RunOutcome> outcome = run::RunSweep(options, services);
  if (outcome.ok() && outcome->abandoned) {
    // All that is finished is committed; a thread may compute for long yet.
    const int code = Summarise(options, *outcome);
    std::fflush(nullptr);
    executor.Abandon();
    process.abandon(code);
  }
  const Status closed = executor.Shutdown();
  const int code = outcome.ok() ? Summarise(options, *outcome)
                                : ReportStatus(outcome.status());
  if (!closed.ok()) {
    // A rank does not answer: MPI would wait for it.
    Log(LogLevel::kWarning, closed.ToString());
    std::fflush(nullptr);
    executor.Abandon();
    process.abandon(code);
  }
  return code;
}

}  // namespace

int RunAsRank(const run::RunOptions& options, const RankProcess& process) {
  const WorkspaceLayout layout(options.workspace);
  BlobStore blobs(layout);
  const SystemClock clock;
  const run::RankTraits& traits =
      process.traits[static_cast<std::size_t>(process.comm.rank())];
  run::TaskRunner runner(
      blobs, process.stages, clock,
      {process.host, process.place.threads, traits.numerics, process.place.gpu,
       process.place.shares_gpu, process.join});
  process.interrupt.SetCallback([&] { process.comm.Wake(); });
  int code = 0;
  if (process.comm.rank() == 0) {
    code = Coordinate(options, process, blobs, runner, clock);
  } else {
    const Status status = run::RankWorker(process.comm, runner).Run();
    code = status.ok() ? 0 : ReportStatus(status);
  }
  process.interrupt.SetCallback({});
  return code;
}

}  // namespace besom::cli
