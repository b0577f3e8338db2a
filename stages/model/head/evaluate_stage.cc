#include "stages/model/head/evaluate_stage.h"

#include <map>
#include <utility>

#include "stages/metric/curves.h"
#include "stages/metric/metrics.h"
#include "stages/metric/set_scores.h"
#include "stages/model/head/fit_images.h"
#include "stages/model/head/trained_model.h"

namespace besom::stages {
namespace {

/// What the model says about the images of a set, by patient.
ScoredSet ScoredSetOf(const FitImages& images, const SetImages& set,
                      const std::vector<HeadOutput>& outputs) {
  ScoredSet scored;
  scored.classes = static_cast<int>(images.split().classes.size());
  scored.actual = set.labels;
  std::map<std::pair<std::string, std::string>, int> groups;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    scored.probabilities.insert(scored.probabilities.end(),
                                outputs[i].probabilities.begin(),
                                outputs[i].probabilities.end());
    const SplitEntry& entry = images.split().entries[set.entries[i]];
    const auto group = groups.try_emplace({entry.patients, entry.group},
                                          static_cast<int>(groups.size()));
    scored.group.push_back(group.first->second);
  }
  return scored;
}

/// The figures of a set with their intervals. `loss` comes from logits, so it
/// is exact where probabilities round to 0; its interval is log_loss's.
std::vector<MetricValue> FiguresOf(const std::vector<std::string>& classes,
                                   const ScoredSet& set, double loss,
                                   int draws) {
  std::vector<MetricValue> figures;
  std::size_t behind_accuracy = 0;
  MetricValue mean_loss{"loss", std::nullopt, loss, std::nullopt};
  for (ScoreRow& row : ScoreSet(classes, set, {.draws = draws})) {
    if (row.name == "log_loss") mean_loss.interval = row.interval;
    figures.push_back({std::move(row.name), std::move(row.cls), row.value,
                       std::nullopt, std::move(row.interval)});
    if (figures.back().name == "balanced_accuracy")
      behind_accuracy = figures.size();
  }
  figures.insert(figures.begin() + static_cast<std::ptrdiff_t>(behind_accuracy),
                 std::move(mean_loss));
  return figures;
}

/// `draws` of the bootstrap; 0 = only intervals that have a formula.
Result<SetEvaluation> EvaluateSet(const FitImages& images,
                                  const TrainedModel& model,
                                  const std::string& name,
                                  bool keep_predictions, int draws) {
  BESOM_ASSIGN_OR_RETURN(const SetImages set, images.Set(name));
  BESOM_ASSIGN_OR_RETURN(const std::vector<HeadOutput> outputs,
                         model.Evaluate(set.plain.rows));
  SetEvaluation result;
  result.set = name;
  std::vector<int> predicted;
  double loss = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    predicted.push_back(ArgMax(outputs[i].probabilities));
    loss -= outputs[i].log_probabilities[set.labels[i]];
    if (!keep_predictions) continue;
    const SplitEntry& entry = images.split().entries[set.entries[i]];
    result.predictions.push_back({entry.source, entry.path, set.labels[i],
                                  predicted.back(), outputs[i].probabilities});
  }
  if (outputs.empty()) return result;
  const std::vector<std::string>& classes = images.split().classes;
  result.confusion =
      CountConfusion(static_cast<int>(classes.size()), set.labels, predicted);
  const ScoredSet scored = ScoredSetOf(images, set, outputs);
  result.metrics = FiguresOf(classes, scored,
                             loss / static_cast<double>(outputs.size()), draws);
  if (keep_predictions) result.curves = CurvesOf(classes, scored);
  return result;
}

std::vector<std::pair<std::string, MetricValue>> HistoryRows(
    const Json& history) {
  std::vector<std::pair<std::string, MetricValue>> rows;
  for (const Json& epoch : history.at("epochs"))
    for (const char* set : {"train", "validation"}) {
      const auto figures = epoch.find(set);
      if (figures == epoch.end()) continue;
      for (const auto& [name, value] : figures->items())
        rows.emplace_back(set,
                          MetricValue{name, std::nullopt, value.get<double>(),
                                      epoch.at("epoch").get<int>()});
    }
  return rows;
}

Result<TrainedModel> ReadModel(const StageInput& input, const FitImages& images,
                               const TrainedBaseFactory& make_base) {
  BESOM_ASSIGN_OR_RETURN(const Artifact weights,
                         OneArtifact(input.artifacts, "weights"));
  BESOM_ASSIGN_OR_RETURN(HeadModel head, HeadModel::FromBlob(weights));
  BESOM_ASSIGN_OR_RETURN(
      TrainedModel model,
      TrainedModel::Make(std::move(head), input.params.at("model"),
                         input.params.value("size", 0),
                         input.hints.value("threads", 1), make_base));
  if (model.head().classes() != images.split().classes ||
      model.dimension() != images.dimension())
    return CorruptError("weights", "the head does not fit these features");
  return model;
}

Result<StageOutput> Evaluate(const StageInput& input, FitSourcesCache& cache,
                             const TrainedBaseFactory& make_base) {
  const auto kept =
      input.params.at("evaluate").at("predictions").get<std::string>();
  const int bootstrap = input.params.at("evaluate").at("bootstrap").get<int>();
  BESOM_ASSIGN_OR_RETURN(const FitImages images, FitImages::Read(input, cache));
  BESOM_ASSIGN_OR_RETURN(const TrainedModel model,
                         ReadModel(input, images, make_base));
  BESOM_ASSIGN_OR_RETURN(const Artifact blob,
                         OneArtifact(input.artifacts, "history"));
  BESOM_ASSIGN_OR_RETURN(const Json history, ParseJson(blob.text(), "history"));
  Evaluation evaluation;
  evaluation.classes = images.split().classes;
  evaluation.repeat = images.repeat();
  evaluation.fold = images.fold();
  evaluation.history = HistoryRows(history);
  history.at("chosen_epoch").get_to(evaluation.chosen_epoch);
  std::vector<std::string> sets = {"train", "validation", "test"};
  for (const std::string& name : images.split().externals) sets.push_back(name);
  std::size_t scored = 0;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const bool keep = kept == "all" || (kept != "none" && sets[i] != "train");
    // Nobody asks how certain figures on the training images are.
    const int draws = sets[i] == "train" ? 0 : bootstrap;
    BESOM_ASSIGN_OR_RETURN(SetEvaluation set,
                           EvaluateSet(images, model, sets[i], keep, draws));
    if (set.metrics.empty()) continue;
    for (const auto& row : set.confusion)
      for (const std::int64_t count : row) scored += count;
    evaluation.sets.push_back(std::move(set));
    if (input.progress && input.progress((i + 1.0) / sets.size()))
      return Status(StatusCode::kInterrupted, "evaluate", "asked to stop");
  }
  StageOutput output;
  output.blobs["evaluation"] = CanonicalText(evaluation.ToJson());
  output.counters = {{"images", scored}};
  return output;
}

}  // namespace

Result<StageOutput> EvaluateStage::Run(const StageInput& input) {
  try {
    return Evaluate(input, cache_, make_base_);
  } catch (const Json::exception& error) {
    return InternalError("evaluate", error.what());
  }
}

}  // namespace besom::stages
