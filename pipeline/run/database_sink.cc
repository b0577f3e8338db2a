#include "pipeline/run/database_sink.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/run/busy_database.h"
#include "pipeline/run/known_outputs.h"
#include "pipeline/run/result_rows.h"

namespace besom::run {

DatabaseSink::DatabaseSink(const SweepGraph& sweep, db::SweepId id,
                           db::ResultsStore& results, BlobStore& blobs,
                           const Clock& clock, std::function<bool()> stop,
                           double longest_wait)
    : sweep_(sweep),
      id_(id),
      results_(results),
      blobs_(blobs),
      clock_(clock),
      stop_(std::move(stop)),
      search_(blobs, longest_wait),
      has_rows_(sweep.trials.size()),
      known_(sweep.graph.size()) {
  results_.WaitWhileBusy(
      WhileOthersWrite(blobs_.layout().database().string(), stop_));
  for (std::size_t trial = 0; trial < sweep.trials.size(); ++trial) {
    const std::vector<PlannedFit>& fits = sweep.trials[trial].fits;
    for (std::size_t fit = 0; fit < fits.size(); ++fit) {
      fits_of_[fits[fit].evaluate].push_back({trial, fit});
      trials_of_[fits[fit].fine_tune].push_back(trial);
    }
  }
}

const std::optional<db::ActionRow>& DatabaseSink::Earlier(TaskId task) const {
  static const std::optional<db::ActionRow> kNone;
  return earlier_.empty() ? kNone : earlier_[task];
}

/// What the action left behind, when all its blobs are there.
std::optional<KnownTask> DatabaseSink::Known(
    const std::optional<db::ActionRow>& action) {
  if (!action) return std::nullopt;
  Result<TaskOutputs> outputs = OutputsOf(*action, blobs_);
  if (outputs.ok()) return KnownTask{*std::move(outputs), action->seconds};
  if (action->removed()) return std::nullopt;
  AddEvent("blob_missing",
           {{"blob", outputs.status().place()}, {"task", action->label}});
  return std::nullopt;
}

Result<std::optional<KnownTask>> DatabaseSink::Find(TaskId task) {
  BESOM_ASSIGN_OR_RETURN(const std::optional<db::ActionRow> action,
                         results_.FindAction(sweep_.graph[task].key.Hex()));
  return Known(action);
}

Result<std::vector<std::optional<KnownTask>>> DatabaseSink::FindKnown() {
  std::vector<std::string> keys;
  keys.reserve(sweep_.graph.size());
  for (TaskId task = 0; task < sweep_.graph.size(); ++task)
    keys.push_back(sweep_.graph[task].key.Hex());
  BESOM_ASSIGN_OR_RETURN(const auto actions, results_.FindActionsByKey(keys));
  for (TaskId task = 0; task < sweep_.graph.size(); ++task)
    known_[task] = Known(actions[task] ? actions[task] : Earlier(task));
  return known_;
}

Result<std::vector<db::TrialState>> DatabaseSink::TrialStates() {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::TrialStatus> all,
                         results_.TrialStates(id_));
  std::unordered_map<std::string, db::TrialState> by_id;
  for (const db::TrialStatus& status : all) by_id[status.trial] = status.state;
  std::vector<db::TrialState> states;
  states.reserve(sweep_.trials.size());
  for (std::size_t trial = 0; trial < sweep_.trials.size(); ++trial) {
    const auto state = by_id.find(sweep_.trials[trial].id);
    states.push_back(state == by_id.end() ? db::TrialState::kPending
                                          : state->second);
    has_rows_[trial] = states.back() == db::TrialState::kDone;
  }
  return states;
}

Status DatabaseSink::AddFound(TaskId task, const KnownTask& known) {
  const TaskNode& node = sweep_.graph[task];
  known_[task] = known;
  BESOM_RETURN_IF_ERROR(AddRows(task, /*is_new=*/false));
  batch_.hits.push_back({node.stage, node.key.Hex()});
  return Status::Ok();
}

Status DatabaseSink::AddAttempt(const AttemptRecord& record) {
  const TaskReport& report = record.report;
  const TaskNode& node = sweep_.graph[report.task];
  const std::string key = node.key.Hex();
  if (record.outcome == "done") {
    known_[report.task] = KnownTask{report.outputs, report.seconds};
    BESOM_RETURN_IF_ERROR(AddRows(report.task, /*is_new=*/true));
    batch_.actions.push_back(
        ActionRowOf(node, report, record.rank, clock_.Wall()));
  }
  db::AttemptRow& attempt = batch_.attempts.emplace_back();
  attempt.key = key;
  attempt.stage = node.stage;
  attempt.trial = TrialOf(report.task);
  attempt.host = report.host;
  attempt.device = report.device;
  attempt.rank = record.rank;
  attempt.outcome = record.outcome;
  attempt.message = report.status.ok() ? "" : report.status.ToString();
  attempt.started = clock_.Wall() - report.elapsed;
  attempt.seconds = report.seconds;
  return Status::Ok();
}

/// The one trial that a task is of; empty when several share it.
std::string DatabaseSink::TrialOf(TaskId task) const {
  const auto fit = fits_of_.find(task);
  if (fit != fits_of_.end() && fit->second.size() == 1)
    return sweep_.trials[fit->second[0].trial].id;
  const auto tune = trials_of_.find(task);
  if (tune != trials_of_.end() && tune->second.size() == 1)
    return sweep_.trials[tune->second[0]].id;
  return "";
}

void DatabaseSink::AddTrial(std::size_t trial, db::TrialState state,
                            std::string error) {
  batch_.trials.push_back({sweep_.trials[trial].id, state, std::move(error)});
}

void DatabaseSink::AddEvent(std::string_view kind, Json text) {
  batch_.events.push_back({clock_.Wall(), std::string(kind), std::move(text)});
}

Status DatabaseSink::Commit() {
  if (before_commit_) BESOM_RETURN_IF_ERROR(before_commit_(batch_.actions));
  BESOM_RETURN_IF_ERROR(results_.Commit(id_, batch_));
  batch_ = {};
  return Status::Ok();
}

Status DatabaseSink::AddRows(TaskId task, bool is_new) {
  if (sweep_.graph[task].stage == "evaluate")
    return AddEvaluation(task, is_new);
  if (sweep_.data.empty()) return Status::Ok();
  if (task == sweep_.data[0].split) return AddImages(task);
  if (task == sweep_.data[0].augment) return WriteContactSheet(task);
  if (task == sweep_.data[0].audit) return AddAudit(task);
  return Status::Ok();
}

Result<Artifact> DatabaseSink::OutputOf(TaskId task, const std::string& port) {
  for (const PortBlob& output : known_[task]->outputs) {
    if (output.port != port) continue;
    BESOM_RETURN_IF_ERROR(search_.Await({output.blob}, stop_).status());
    Result<Artifact> artifact = blobs_.Get(output.blob);
    if (artifact.status().code() != StatusCode::kNotFound) return artifact;
    // Whoever stored it has said so: it may be there when it is stored again.
    return IoError(artifact.status().place(), artifact.status().cause(),
                   artifact.status().cure());
  }
  return CorruptError(sweep_.graph[task].label,
                      fmt::format("left nothing at port '{}'", port));
}

/// The shard for its table: to read all pixels for their digest would take
/// longer than to train some heads.
Result<stages::PixelShard> DatabaseSink::TableOf(TaskId ingest) {
  for (const PortBlob& output : known_[ingest]->outputs) {
    if (output.port != "pixels") continue;
    Result<Artifact> pixels = blobs_.Peek(output.blob);
    if (!pixels.ok()) break;
    Result<stages::PixelShard> shard =
        stages::PixelShard::Open(*std::move(pixels));
    if (shard.ok()) return shard;
  }
  // Not there yet, or damaged.
  BESOM_ASSIGN_OR_RETURN(Artifact pixels, OutputOf(ingest, "pixels"));
  return stages::PixelShard::Open(std::move(pixels));
}

/// The model that a task trained. Of one whose evaluation is stored it may have
/// been removed since; it keeps its name, as the same bytes may be made again.
Result<DatabaseSink::Trained> DatabaseSink::TrainedBy(TaskId fine_tune) {
  if (const std::optional<KnownTask>& known = known_[fine_tune]) {
    for (const auto& [port, blob] : known->outputs)
      if (port == "weights")
        return Trained{blob.digest.Hex(), blob.size, known->seconds};
  }
  BESOM_ASSIGN_OR_RETURN(
      const std::optional<db::ActionRow> action,
      results_.FindAction(sweep_.graph[fine_tune].key.Hex()));
  const std::optional<db::ActionRow>& known =
      action ? action : Earlier(fine_tune);
  if (!known) return Trained{};
  for (const db::BlobRow& blob : known->blobs)
    if (blob.port == "weights")
      return Trained{blob.digest, blob.size, known->seconds};
  return Trained{};
}

Status DatabaseSink::AddEvaluation(TaskId task, bool is_new) {
  // A trial that is run again gets its rows anew: its model may have been
  // unknown so far.
  const auto is_recorded = [&](const FitPlace& place) {
    return !is_new && has_rows_[place.trial];
  };
  const std::vector<FitPlace>& places = fits_of_[task];
  if (std::ranges::all_of(places, is_recorded)) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const Artifact blob, OutputOf(task, "evaluation"));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(blob.text(), "evaluation"));
  BESOM_ASSIGN_OR_RETURN(const stages::Evaluation evaluation,
                         stages::Evaluation::FromJson(json));
  for (const FitPlace& place : places) {
    if (is_recorded(place)) continue;
    const PlannedTrial& trial = sweep_.trials[place.trial];
    BESOM_ASSIGN_OR_RETURN(const Trained trained,
                           TrainedBy(trial.fits[place.fit].fine_tune));
    const double seconds = known_[task]->seconds + trained.seconds;
    db::FitRow& row =
        batch_.fits.emplace_back(FitRowOf(evaluation, trial.id, seconds));
    row.head_digest = trained.digest;
    row.head_size = trained.size;
  }
  return Status::Ok();
}

Status DatabaseSink::AddImages(TaskId split) {
  BESOM_ASSIGN_OR_RETURN(const Artifact blob, OutputOf(split, "split"));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(blob.text(), "split"));
  BESOM_ASSIGN_OR_RETURN(const stages::SplitTable table,
                         stages::SplitTable::FromJson(json));
  std::vector<stages::PixelRecord> records;
  for (const TaskId task : sweep_.data[0].ingest) {
    if (!known_[task]) continue;
    BESOM_ASSIGN_OR_RETURN(const stages::PixelShard shard, TableOf(task));
    records.insert(records.end(), shard.records().begin(),
                   shard.records().end());
  }
  batch_.images = db::ImageTable{table.folds, ImageRowsOf(table, records)};
  // What an audit of other data left is not of these.
  if (!sweep_.data[0].audit) batch_.audit = db::AuditTable{};
  return WriteFileAtomic(blobs_.layout().split_receipt(sweep_.name),
                         table.receipt.dump(1) + "\n");
}

Status DatabaseSink::AddAudit(TaskId audit) {
  BESOM_ASSIGN_OR_RETURN(const Artifact blob, OutputOf(audit, "audit"));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(blob.text(), "audit"));
  BESOM_ASSIGN_OR_RETURN(const stages::Audit outcome,
                         stages::Audit::FromJson(json));
  batch_.audit = AuditRowsOf(outcome);
  return Status::Ok();
}

Status DatabaseSink::WriteContactSheet(TaskId augment) {
  BESOM_ASSIGN_OR_RETURN(const Artifact sheet, OutputOf(augment, "sheet"));
  return WriteFileAtomic(blobs_.layout().contact_sheet(sweep_.name),
                         sheet.bytes());
}

}  // namespace besom::run
