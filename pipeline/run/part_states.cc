#include "pipeline/run/part_states.h"

#include <set>

#include "db/reader.h"

namespace besom::run {
namespace {

Status ReadPart(db::Reader& reader, const WorkspaceLayout& layout,
                const std::string& sweep, PartStates& part) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table spec,
      reader.Query("SELECT spec_json FROM sweep WHERE name = ?", {sweep}));
  if (spec.rows.empty()) return Status::Ok();  // It is just beginning.
  part.begun = true;
  part.spec_json = db::TextOf(spec.rows[0][0]);
  BESOM_ASSIGN_OR_RETURN(part.open_runs, OpenRunsOf(reader, layout, sweep));
  BESOM_ASSIGN_OR_RETURN(
      const db::Table trials,
      reader.Query("SELECT trial, state, error FROM trials WHERE sweep = ? "
                   "AND planned ORDER BY ordinal",
                   {sweep}));
  for (const auto& row : trials.rows) {
    db::TrialStatus& trial = part.trials.emplace_back();
    trial.trial = db::TextOf(row[0]);
    trial.state = StateWith(part.open_runs, db::TextOf(row[1]));
    if (!db::IsNull(row[2])) trial.error = db::TextOf(row[2]);
  }
  return Status::Ok();
}

}  // namespace

Result<std::vector<PartStates>> ReadParts(const WorkspaceLayout& layout,
                                          const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<SweepShard> begun,
                         layout.ListParts(sweep));
  std::set<SweepShard> shards;
  for (const SweepShard& shard : begun)
    for (int index = 0; index < shard.count; ++index)
      shards.insert({shard.count, index});
  std::vector<PartStates> parts;
  for (const SweepShard& shard : shards) {
    PartStates& part = parts.emplace_back();
    part.shard = shard;
    const auto reader = db::Reader::Open(layout.part(sweep, shard));
    // Not begun, or merged a moment ago.
    if (reader.status().code() == StatusCode::kNotFound) continue;
    if (reader.status().code() == StatusCode::kUnavailable) {
      part.begun = true;
      part.unreadable = reader.status();
      continue;
    }
    if (!reader.ok()) return reader.status();
    BESOM_RETURN_IF_ERROR(ReadPart(**reader, layout, sweep, part));
  }
  return parts;
}

void AddPartStates(const std::vector<PartStates>& parts, TrialStates& states) {
  for (const PartStates& part : parts)
    for (const db::TrialStatus& trial : part.trials) {
      const auto known = states.find(trial.trial);
      if (known != states.end() && trial.state != db::TrialState::kPending)
        known->second = trial.state;
    }
}

bool HasEnded(db::TrialState state) {
  return state == db::TrialState::kDone || state == db::TrialState::kFailed ||
         state == db::TrialState::kPruned;
}

}  // namespace besom::run
