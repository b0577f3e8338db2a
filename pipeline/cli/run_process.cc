#include "pipeline/cli/run_process.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "pipeline/base/log.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/run/rank_executor.h"

namespace besom::cli {
namespace {

int Summarise(const run::RunOutcome& outcome) {
  fmt::print("{} trials done, {} failed; {} tasks run, {} reused\n",
             outcome.trials_done, outcome.trials_failed, outcome.tasks_run,
             outcome.tasks_reused);
  if (!outcome.best.empty()) fmt::print("{}\n", outcome.best);
  std::fflush(stdout);
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
  run::RankExecutor executor(process.comm, runner);
  run::RunServices services{
      executor,     blobs,
      clock,        [&] { return process.interrupt.count(); },
      process.host, process.threads};
  const Result<run::RunOutcome> outcome = run::RunSweep(options, services);
  if (outcome.ok() && outcome->abandoned) {
    // All that is finished is committed; a thread may compute for long yet.
    const int code = Summarise(*outcome);
    std::fflush(nullptr);
    std::_Exit(code);
  }
  const Status closed = executor.Shutdown();
  if (!outcome.ok()) return ReportStatus(outcome.status());
  if (!closed.ok()) Log(LogLevel::kWarning, closed.ToString());
  return Summarise(*outcome);
}

}  // namespace

int RunAsRank(const run::RunOptions& options, const RankProcess& process) {
  const WorkspaceLayout layout(options.workspace);
  BlobStore blobs(layout);
  const SystemClock clock;
  run::TaskRunner runner(blobs, process.stages, clock, process.host,
                         {{"threads", process.threads}});
  process.interrupt.SetCallback([&] { process.comm.Wake(); });
  int code = 0;
  if (process.comm.rank() == 0) {
    code = Coordinate(options, process, blobs, runner, clock);
  } else {
    const Status status = run::RunWorker(process.comm, runner);
    code = status.ok() ? 0 : ReportStatus(status);
  }
  process.interrupt.SetCallback({});
  return code;
}

}  // namespace besom::cli
