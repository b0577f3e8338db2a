#include "pipeline/run/recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/base/log.h"
#include "pipeline/run/result_rows.h"

namespace besom::run {
namespace {

/// The outputs that an action row names, when every blob is there.
std::optional<std::map<std::string, BlobRef>> UsableOutputs(
    const db::ActionRow& action, const BlobStore& blobs) {
  std::map<std::string, BlobRef> outputs;
  for (const db::BlobRow& row : action.blobs) {
    const Result<Digest> digest = Digest::FromHex(row.digest);
    if (!digest.ok() || !blobs.Has({*digest, row.size})) return std::nullopt;
    outputs[row.port] = {*digest, row.size};
  }
  return outputs;
}

}  // namespace

Recorder::Recorder(const SweepGraph& sweep, db::SweepId id,
                   db::ResultsStore& results, BlobStore& blobs,
                   const Clock& clock)
    : sweep_(sweep),
      id_(id),
      results_(results),
      blobs_(blobs),
      clock_(clock),
      outputs_(sweep.graph.size()),
      trial_done_(sweep.trials.size()),
      seconds_(sweep.graph.size()) {
  for (std::size_t trial = 0; trial < sweep.trials.size(); ++trial) {
    const std::vector<PlannedFit>& fits = sweep.trials[trial].fits;
    fits_left_.push_back(fits.size());
    for (std::size_t fit = 0; fit < fits.size(); ++fit) {
      fits_of_[fits[fit].evaluate].push_back({trial, fit});
      trials_of_[fits[fit].fine_tune].push_back(trial);
    }
  }
}

Status Recorder::FindDone() {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::TrialStatus> states,
                         results_.TrialStates(id_));
  std::unordered_map<std::string, bool> done_before;
  for (const db::TrialStatus& status : states)
    done_before[status.trial] = status.state == db::TrialState::kDone;
  for (std::size_t trial = 0; trial < sweep_.trials.size(); ++trial)
    trial_done_[trial] = done_before[sweep_.trials[trial].id];
  for (TaskId task = 0; task < sweep_.graph.size(); ++task) {
    const TaskNode& node = sweep_.graph[task];
    BESOM_ASSIGN_OR_RETURN(const auto action,
                           results_.FindAction(node.key.Hex()));
    if (!action) continue;
    outputs_[task] = UsableOutputs(*action, blobs_);
    if (!outputs_[task]) continue;
    seconds_[task] = action->seconds;
    batch_.hits.push_back({node.stage, node.key.Hex()});
    BESOM_RETURN_IF_ERROR(RecordRows(task));
  }
  return Flush();
}

Status Recorder::TaskDone(const TaskReport& report, int rank) {
  if (batch_.empty()) oldest_ = clock_.Monotonic();
  const TaskNode& node = sweep_.graph[report.task];
  outputs_[report.task] = report.blobs;
  seconds_[report.task] = report.seconds;
  db::ActionRow action;
  action.key = node.key.Hex();
  action.stage = node.stage;
  action.space = node.space;
  action.params = CanonicalText(node.params);
  action.label = node.label;
  action.seconds = report.seconds;
  action.counters = report.counters;
  action.host = report.host;
  action.rank = rank;
  action.finished = clock_.Wall();
  for (const auto& [port, ref] : report.blobs)
    action.blobs.push_back({port, ref.digest.Hex(), ref.size});
  batch_.actions.push_back(std::move(action));
  TaskNotDone(report, rank, "done");
  return RecordRows(report.task);
}

void Recorder::TaskNotDone(const TaskReport& report, int rank,
                           std::string_view how) {
  if (batch_.empty()) oldest_ = clock_.Monotonic();
  const TaskNode& node = sweep_.graph[report.task];
  db::AttemptRow attempt;
  attempt.key = node.key.Hex();
  attempt.stage = node.stage;
  const auto fit = fits_of_.find(report.task);
  if (fit != fits_of_.end() && fit->second.size() == 1)
    attempt.trial = sweep_.trials[fit->second[0].trial].id;
  attempt.host = report.host;
  attempt.device = "cpu";
  attempt.rank = rank;
  attempt.outcome = how;
  attempt.message = report.status.ok() ? "" : report.status.ToString();
  attempt.started = clock_.Wall() - report.seconds;
  attempt.seconds = report.seconds;
  batch_.attempts.push_back(std::move(attempt));
}

Status Recorder::RecordRows(TaskId task) {
  const std::string& stage = sweep_.graph[task].stage;
  if (stage == "evaluate") return RecordEvaluation(task);
  if (task == sweep_.data[0].split) return RecordImages(task);
  if (task == sweep_.data[0].augment) return RecordContactSheet(task);
  return Status::Ok();
}

Result<Artifact> Recorder::OutputOf(TaskId task, const std::string& port) {
  const auto it = outputs_[task]->find(port);
  if (it == outputs_[task]->end())
    return CorruptError(sweep_.graph[task].label,
                        fmt::format("left nothing at port '{}'", port));
  return blobs_.Get(it->second);
}

Status Recorder::RecordEvaluation(TaskId task) {
  BESOM_ASSIGN_OR_RETURN(const Artifact blob, OutputOf(task, "evaluation"));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(blob.text(), "evaluation"));
  BESOM_ASSIGN_OR_RETURN(const stages::Evaluation evaluation,
                         stages::Evaluation::FromJson(json));
  for (const FitPlace& place : fits_of_[task]) {
    const PlannedTrial& trial = sweep_.trials[place.trial];
    if (!trial_done_[place.trial]) {
      const double seconds =
          seconds_[task] + seconds_[trial.fits[place.fit].fine_tune];
      db::FitRow& row =
          batch_.fits.emplace_back(FitRowOf(evaluation, trial.id, seconds));
      // Known unless the head was swept away after its evaluation was stored.
      if (const auto& head = outputs_[trial.fits[place.fit].fine_tune];
          head && head->contains("weights")) {
        row.head_digest = head->at("weights").digest.Hex();
        row.head_size = head->at("weights").size;
      }
    }
    CountFit(place.trial);
  }
  return Status::Ok();
}

void Recorder::CountFit(std::size_t trial) {
  if (--fits_left_[trial] > 0) return;
  ++trials_done_;
  if (!trial_done_[trial])
    batch_.trials.push_back(
        {sweep_.trials[trial].id, db::TrialState::kDone, ""});
}

Status Recorder::RecordImages(TaskId split) {
  BESOM_ASSIGN_OR_RETURN(const Artifact blob, OutputOf(split, "split"));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(blob.text(), "split"));
  BESOM_ASSIGN_OR_RETURN(const stages::SplitTable table,
                         stages::SplitTable::FromJson(json));
  std::vector<stages::PixelShard> shards;
  for (const TaskId task : sweep_.data[0].ingest) {
    if (!outputs_[task]) continue;
    BESOM_ASSIGN_OR_RETURN(Artifact pixels, OutputOf(task, "pixels"));
    BESOM_ASSIGN_OR_RETURN(stages::PixelShard shard,
                           stages::PixelShard::Open(std::move(pixels)));
    shards.push_back(std::move(shard));
  }
  batch_.images = db::ImageTable{table.folds, ImageRowsOf(table, shards)};
  return Status::Ok();
}

Status Recorder::RecordContactSheet(TaskId augment) {
  BESOM_ASSIGN_OR_RETURN(const Artifact sheet, OutputOf(augment, "sheet"));
  const std::string& name =
      sweep_.trials[0].config.at("name").get_ref<const std::string&>();
  return WriteFileAtomic(blobs_.layout().contact_sheet(name), sheet.bytes());
}

void Recorder::TrialsFailed(const std::vector<TaskId>& tasks,
                            const Status& cause) {
  for (const TaskId task : tasks) {
    const auto places = fits_of_.find(task);
    if (places == fits_of_.end()) continue;
    for (const FitPlace& place : places->second) {
      if (!failed_.emplace(place.trial, cause.ToString()).second) continue;
      batch_.trials.push_back({sweep_.trials[place.trial].id,
                               db::TrialState::kFailed, cause.ToString()});
    }
  }
}

void Recorder::TrialRunning(TaskId fine_tune) {
  for (const std::size_t trial : trials_of_[fine_tune])
    batch_.trials.push_back(
        {sweep_.trials[trial].id, db::TrialState::kRunning, ""});
}

void Recorder::Event(std::string_view kind, Json text) {
  batch_.events.push_back({clock_.Wall(), std::string(kind), std::move(text)});
}

Status Recorder::FlushIfDue() {
  if (batch_.empty() || clock_.Monotonic() - oldest_ < kCommitWindow)
    return Status::Ok();
  return Flush();
}

Status Recorder::Flush() {
  if (batch_.empty()) return Status::Ok();
  BESOM_RETURN_IF_ERROR(results_.Commit(id_, batch_));
  batch_ = {};
  return Status::Ok();
}

}  // namespace besom::run
