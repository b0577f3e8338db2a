#include "pipeline/run/standing.h"

#include <algorithm>

#include "db/reader.h"
#include "pipeline/run/known_outputs.h"
#include "pipeline/run/part_states.h"
#include "pipeline/run/sweep_plan.h"

namespace besom::run {
namespace {

/// Plans the sweep as it stands in `results`. False when it does not stand
/// there: a changed spec is registered by a run, even when no work is left.
Result<bool> PlanStored(PreparedSweep& sweep, db::ResultsStore& results,
                        const db::StoredSweep& stored, int threads,
                        const std::vector<std::string>& offered) {
  if (stored.row.spec_json != CanonicalText(sweep.spec.canonical()))
    return false;
  BESOM_RETURN_IF_ERROR(ResolveNumerics(sweep, stored.row.numerics, offered));
  StoredContentDigests digests(&results);
  BESOM_RETURN_IF_ERROR(PlanGraph(sweep, digests, threads));
  BESOM_RETURN_IF_ERROR(digests.WriteTo(results));
  return true;
}

/// A run may have been ended between its last trial and the audit, which is
/// work of the first shard.
Result<bool> LacksAudit(const RunOptions& options,
                        const WorkspaceLayout& layout, const SweepGraph& sweep,
                        db::ResultsStore& results) {
  if (options.shard && options.shard->index > 0) return false;
  BESOM_ASSIGN_OR_RETURN(const bool is_audited, IsAudited(sweep, results));
  if (is_audited || !options.shard) return !is_audited;
  const auto part = db::Reader::Open(layout.part(sweep.name, *options.shard));
  if (!part.ok()) return true;
  BESOM_ASSIGN_OR_RETURN(
      const db::Table found,
      (*part)->Query("SELECT 1 FROM action WHERE key = ?",
                     {sweep.graph[*sweep.data[0].audit].key.Hex()}));
  return found.rows.empty();
}

}  // namespace

int Standing::ExitCode() const {
  if (!complete || left_to_merge) return 3;
  return failed > 0 ? 1 : 0;
}

Result<Standing> FindStanding(const RunOptions& options, int threads,
                              const std::vector<std::string>& offered) {
  const WorkspaceLayout layout(options.workspace);
  Standing standing;
  if (!options.until.empty() || !options.rerun.empty() ||
      !StatFile(layout.database()).ok())
    return standing;
  BESOM_ASSIGN_OR_RETURN(PreparedSweep sweep, ReadSweep(options));
  BESOM_ASSIGN_OR_RETURN(const std::vector<SweepShard> begun,
                         layout.ListParts(sweep.spec.name));
  standing.has_parts = !begun.empty();
  if (standing.has_parts && !options.shard) return standing;
  // Before the database: what is merged meanwhile is then in either.
  BESOM_ASSIGN_OR_RETURN(const std::vector<PartStates> parts,
                         ReadParts(layout, sweep.spec.name));
  const auto is_readable = [](const PartStates& part) {
    return part.unreadable.ok();
  };
  if (!std::ranges::all_of(parts, is_readable)) return standing;
  BESOM_ASSIGN_OR_RETURN(const auto results,
                         db::ResultsStore::Open(layout.database()));
  BESOM_ASSIGN_OR_RETURN(const auto stored,
                         results->FindSweep(sweep.spec.name));
  if (!stored) return standing;
  BESOM_ASSIGN_OR_RETURN(
      const bool planned,
      PlanStored(sweep, *results, *stored, threads, offered));
  if (!planned) return standing;
  BESOM_ASSIGN_OR_RETURN(TrialStates states, StatesOf(*results, stored->id));
  AddPartStates(parts, states);
  const auto state_of = [&](const PlannedTrial& trial) {
    const auto state = states.find(trial.id);
    return state == states.end() ? db::TrialState::kPending : state->second;
  };
  const std::vector<PlannedTrial>& trials = sweep.graph.trials;
  standing.to_merge =
      standing.has_parts && std::ranges::all_of(trials, HasEnded, state_of);
  standing.left_to_merge =
      standing.to_merge &&
      std::ranges::none_of(parts, [](const PartStates& part) {
        return AnyAlive(part.open_runs);
      });
  const SweepShard::Block asked =
      options.shard.value_or(SweepShard{}).BlockOf(trials.size());
  standing.trials = asked.end - asked.first;
  for (std::size_t i = asked.first; i < asked.end; ++i) {
    const db::TrialState state = state_of(trials[i]);
    if (!HasEnded(state)) return standing;
    if (state == db::TrialState::kFailed) ++standing.failed;
  }
  BESOM_ASSIGN_OR_RETURN(const bool lacks_audit,
                         LacksAudit(options, layout, sweep.graph, *results));
  standing.complete = !lacks_audit;
  return standing;
}

}  // namespace besom::run
