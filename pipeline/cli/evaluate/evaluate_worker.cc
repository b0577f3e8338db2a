#include "pipeline/cli/evaluate/evaluate_worker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <memory>
#include <optional>

#include "cluster/cpu.h"
#include "db/results_store.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/cli/evaluate/known_images.h"
#include "pipeline/cli/evaluate/later_sets.h"
#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/run/fit_summaries.h"
#include "pipeline/run/result_rows.h"
#include "pipeline/store/run_lock.h"
#include "stages/data/near_duplicates.h"
#include "stages/data/split_externals.h"

namespace besom::cli {
namespace {

/// A fit of the trial as the database has it.
struct StoredFit {
  int repeat = 0, fold = 0;
  /// No value = no target, or none that its validation images reach.
  std::optional<double> threshold;
};

Result<std::vector<StoredFit>> FitsOf(db::Reader& reader,
                                      const TrainedTrial& trial) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT f.repeat, f.fold, h.value FROM fit f JOIN trial t "
                   "USING(trial_id) JOIN sweep s USING(sweep_id) LEFT JOIN "
                   "threshold h USING(trial_id, repeat, fold) WHERE s.name = ? "
                   "AND t.trial = ? ORDER BY f.repeat, f.fold",
                   {trial.record.sweep, trial.record.trial}));
  std::vector<StoredFit> fits;
  for (const auto& row : rows.rows) {
    StoredFit& fit = fits.emplace_back();
    fit.repeat = static_cast<int>(db::IntegerOf(row[0]));
    fit.fold = static_cast<int>(db::IntegerOf(row[1]));
    fit.threshold = db::ValueOf(row[2]);
  }
  return fits;
}

Status StoppedError() {
  return {StatusCode::kInterrupted, "evaluate",
          "stopped before anything was stored", "run the same command again"};
}

/// What a fit says about the sets, by the stage that scores every fit.
Result<stages::Evaluation> Score(const TaskNode& task, const StoredFit& fit,
                                 const std::string& weights,
                                 const Artifact& split,
                                 const LaterImages& images,
                                 const Computer& computer) {
  Json params = task.params;
  Json& threshold = params.at("evaluate").at("threshold");
  if (!fit.threshold)
    threshold = nullptr;
  else if (!threshold.is_null())
    threshold["given"] = *fit.threshold;
  // Epochs are figures of the sets that the sweep itself knows.
  const Json history = {{"epochs", Json::array()}, {"chosen_epoch", 0}};
  const ArtifactMap artifacts = {
      {"split", {split}},
      {"plain", images.features},
      {"weights", {Artifact::FromBytes(weights)}},
      {"history", {Artifact::FromBytes(CanonicalText(history))}}};
  BESOM_ASSIGN_OR_RETURN(
      const stages::StageOutput output,
      computer.Run("evaluate", params, Json::object(), artifacts));
  BESOM_ASSIGN_OR_RETURN(
      const Json json, ParseJson(output.blobs.at("evaluation"), "evaluation"));
  return stages::Evaluation::FromJson(json);
}

Result<stages::SplitTable> Place(const KnownImages& known,
                                 const LaterImages& later,
                                 const stages::SourceScan& scan,
                                 const Computer& computer) {
  if (known.unseen > 0)
    Log(LogLevel::kWarning,
        fmt::format("{} images of the sweep are not in the store any more: "
                    "near-duplicates of these are not found, equal files are",
                    known.unseen));
  std::vector<stages::ThumbnailShard> thumbnails = known.thumbnails;
  thumbnails.insert(thumbnails.end(), later.thumbnails.begin(),
                    later.thumbnails.end());
  const stages::NearSearch near = stages::FindNearDuplicates(
      thumbnails, computer.threads, [&](double) { return computer.stop(); });
  if (near.stopped) return StoppedError();
  stages::DecodingOutcomes decoded = known.decoded;
  for (const auto& [content, outcome] : later.decoded)
    decoded.insert_or_assign(content, outcome);
  BESOM_ASSIGN_OR_RETURN(
      stages::SplitTable placed,
      stages::PlaceLaterSets(known.split, scan, decoded, near.found));
  for (const Json& leak : placed.receipt.at("leaks"))
    Log(LogLevel::kWarning, "kept: " + leak.get<std::string>());
  return placed;
}

/// What is known of the trial before anything is computed. The database is not
/// open any more: where it has no write-ahead log, a reader keeps writers out.
struct Subject {
  TrainedTrial trial;
  Json sets;
  KnownImages known;
  std::vector<StoredFit> fits;
};

Result<Subject> FindSubject(const EvaluateArguments& arguments,
                            const WorkspaceLayout& layout) {
  Subject subject;
  BESOM_ASSIGN_OR_RETURN(
      subject.trial,
      LoadTrainedTrial(arguments.workspace, arguments.sweep, arguments.trial));
  BESOM_ASSIGN_OR_RETURN(
      subject.sets,
      ReadLaterSets(arguments.data, arguments.name, subject.trial.config()));
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<db::Reader> reader,
                         db::Reader::Open(layout.database()));
  BESOM_ASSIGN_OR_RETURN(subject.known,
                         FindKnownImages(layout, *reader, subject.trial));
  BESOM_ASSIGN_OR_RETURN(subject.fits, FitsOf(*reader, subject.trial));
  return subject;
}

Result<std::vector<db::FitRow>> ScoreFits(const Subject& subject,
                                          const run::SweepGraph& graph,
                                          const LaterImages& later,
                                          const stages::SplitTable& placed,
                                          const Computer& computer) {
  const Artifact split = Artifact::FromBytes(CanonicalText(placed.ToJson()));
  const std::vector<run::PlannedFit>& planned = graph.trials.front().fits;
  BESOM_CHECK(subject.fits.size() == planned.size() &&
                  subject.fits.size() == subject.trial.heads.size(),
              "a done trial has all its fits");
  std::vector<db::FitRow> rows;
  for (std::size_t f = 0; f < planned.size(); ++f) {
    BESOM_ASSIGN_OR_RETURN(
        const stages::Evaluation evaluation,
        Score(graph.graph[planned[f].evaluate], subject.fits[f],
              subject.trial.heads[f], split, later, computer));
    rows.push_back(
        run::FitRowOf(evaluation, subject.trial.record.trial, /*seconds=*/0));
  }
  return rows;
}

Status Store(const WorkspaceLayout& layout, const Subject& subject,
             db::CommitBatch batch) {
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<db::ResultsStore> results,
                         db::ResultsStore::Open(layout.database()));
  results->SummarizeBy({run::SummarizeFits, run::PoolThreshold});
  BESOM_ASSIGN_OR_RETURN(const auto sweep,
                         results->FindSweep(subject.trial.record.sweep));
  BESOM_CHECK(sweep.has_value(), subject.trial.record.sweep);
  batch.events.push_back(
      {SystemClock().Wall(),
       "evaluated",
       {{"trial", subject.trial.record.trial}, {"sets", subject.sets}}});
  return results->Commit(sweep->id, batch);
}

/// What was left out of a set for other reasons than training, by reason; an
/// error when no image is left to evaluate.
Result<std::string> WhatIsLeftOut(const std::string& set,
                                  const stages::SplitTable& placed) {
  constexpr std::size_t kMostReasons = 5;
  std::map<std::string, int> reasons;
  int used = 0, images = 0;
  for (const stages::SplitEntry& entry : placed.entries) {
    if (entry.source != set) continue;
    ++images;
    if (entry.left_out.empty())
      ++used;
    else
      ++reasons[entry.left_out];
  }
  std::vector<std::string> lines;
  for (const auto& [reason, count] : reasons)
    lines.push_back(fmt::format("{} left out: {}", count, reason));
  if (lines.size() > kMostReasons) {
    const std::size_t more = lines.size() - kMostReasons;
    lines.resize(kMostReasons);
    lines.push_back(fmt::format("and {} more reasons", more));
  }
  if (used == 0)
    return InvalidError(
        "set '" + set + "'",
        fmt::format("none of its {} images can be used: {}", images,
                    fmt::join(lines, "; ")),
        "bring images that can be read and that the trial has not met");
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

Status CheckSets(const WorkspaceLayout& layout, const Subject& subject,
                 const stages::SourceScan& scan) {
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<db::Reader> reader,
                         db::Reader::Open(layout.database()));
  for (const Json& set : subject.sets)
    BESOM_RETURN_IF_ERROR(
        CheckSetName(*reader, subject.trial, scan, set.at("name")));
  return Status::Ok();
}

Status Evaluate(const EvaluateArguments& arguments, const Computer& computer) {
  const WorkspaceLayout layout(arguments.workspace);
  BESOM_ASSIGN_OR_RETURN(const Subject subject, FindSubject(arguments, layout));
  BESOM_ASSIGN_OR_RETURN(const WorkspaceLock shared,
                         WorkspaceLock::TakeShared(layout));
  BESOM_ASSIGN_OR_RETURN(
      const run::SweepGraph graph,
      PlanLaterSets(subject.trial, subject.sets, computer.threads));
  const stages::SourceScan& scan = graph.data.front().scan;
  BESOM_RETURN_IF_ERROR(CheckSets(layout, subject, scan));
  BESOM_ASSIGN_OR_RETURN(const LaterImages later,
                         ComputeImages(graph, computer));
  BESOM_ASSIGN_OR_RETURN(const stages::SplitTable placed,
                         Place(subject.known, later, scan, computer));
  std::map<std::string, std::string> left_out;
  for (const std::string& set : placed.externals) {
    BESOM_ASSIGN_OR_RETURN(left_out[set], WhatIsLeftOut(set, placed));
  }
  db::CommitBatch batch;
  batch.later_images =
      db::ImageTable{placed.folds, run::ImageRowsOf(placed, later.records)};
  BESOM_ASSIGN_OR_RETURN(batch.later_sets,
                         ScoreFits(subject, graph, later, placed, computer));
  if (computer.stop()) return StoppedError();
  BESOM_RETURN_IF_ERROR(Store(layout, subject, std::move(batch)));
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<db::Reader> reader,
                         db::Reader::Open(layout.database()));
  const db::TrialName name = {subject.trial.record.sweep,
                              subject.trial.record.trial};
  std::string text;
  for (const std::string& set : placed.externals) {
    BESOM_ASSIGN_OR_RETURN(const std::string figures,
                           SetFigures(*reader, name, set));
    text += figures + left_out[set];
  }
  fmt::print("{}", text);
  return Status::Ok();
}

}  // namespace

int RunEvaluate(const EvaluateArguments& arguments,
                const stages::StageRegistry& stages,
                const std::function<bool()>& stop) {
  Status status = Evaluate(arguments, {stages, cluster::UsableCores(), stop});
  if (status.code() == StatusCode::kInterrupted && stop())
    status = StoppedError();
  return ReportStatus(status);
}

}  // namespace besom::cli
