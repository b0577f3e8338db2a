#include "pipeline/run/begin_alone.h"

#include <fmt/format.h>

#include <optional>

#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

/// The holder of a run's lock, as its file or else its record says.
LockHolder HolderOf(const WorkspaceLayout& layout, const db::RunRow& run) {
  LockHolder holder = LockHolder::Parse(HolderOfRun(layout, run.run));
  if (!holder.host.empty()) return holder;
  holder.host = run.host;
  holder.pid = run.pid;
  holder.job = run.job;
  return holder;
}

/// Why `other` is to be taken over; "" = its lock says that it is dead, which
/// is enough. kInterrupted when it may be alive.
Result<std::string> WhyOver(const BeginningRun& beginning, HolderJudge& judge,
                            const db::RunRow& other) {
  if (beginning.lock.works()) {
    if (!beginning.lock.why().empty()) return beginning.lock.why();
    BESOM_ASSIGN_OR_RETURN(const bool alive,
                           IsRunAlive(beginning.layout, other.run));
    return std::string(alive ? "its sweep was free" : "");
  }
  if (beginning.steal) return std::string("--steal");
  const LockHolder holder = HolderOf(beginning.layout, other);
  std::string why = judge.WhyDead(holder, /*locks_work=*/false);
  if (!why.empty()) return why;
  return Status(
      StatusCode::kInterrupted, beginning.layout.root().string(),
      fmt::format("a run may be alive here ({}), and this file system has no "
                  "locks that would tell",
                  holder.ToText()),
      "wait for it; if you know that it is dead: --steal");
}

Status EndOthers(const BeginningRun& beginning, HolderJudge& judge,
                 db::SweepId id, const db::RunRow& run) {
  db::ResultsStore& results = beginning.results;
  if (!beginning.lock.IsOurs())
    return {StatusCode::kInterrupted, beginning.layout.root().string(),
            "another run was faster to take this sweep"};
  std::optional<db::SweepId> sweep;
  if (beginning.lock.works()) sweep = id;
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::RunRow> open,
                         results.OpenRuns(sweep));
  for (const db::RunRow& other : open) {
    if (other.run == run.run) continue;
    BESOM_ASSIGN_OR_RETURN(const std::string why,
                           WhyOver(beginning, judge, other));
    if (why.empty()) continue;
    BESOM_RETURN_IF_ERROR(RemoveRunLock(beginning.layout, other.run));
    BESOM_RETURN_IF_ERROR(
        results.TakeOverRun(other.run, why, beginning.clock.Wall()));
  }
  return Status::Ok();
}

}  // namespace

Status BeginAlone(const BeginningRun& beginning, HolderJudge& judge,
                  db::SweepId id, const db::RunRow& run) {
  beginning.results.WriteAs(run.run);
  BESOM_RETURN_IF_ERROR(beginning.results.PutRun(id, run));
  Status alone = EndOthers(beginning, judge, id, run);
  if (alone.ok()) return alone;
  db::RunRow ended = run;
  ended.ended = beginning.clock.Wall();
  ended.outcome = "refused";
  // Another run may have called it over by now, which is as good.
  [[maybe_unused]] const Status ignored = beginning.results.PutRun(id, ended);
  return alone;
}

}  // namespace besom::run
