#include "stages/model/head/evaluate_stage.h"

#include <algorithm>
#include <map>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/metric/curves.h"
#include "stages/metric/decision.h"
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

/// What the params' "evaluate" asks for: that of the spec, but for
/// "threshold": {text, metric, class, least, given?}, or null.
struct Wanted {
  std::string predictions;  ///< all | held_out | none.
  int bootstrap = 0;
  std::vector<std::vector<double>> costs;
  std::optional<ThresholdTarget> target;
  std::string target_text;
  /// The threshold itself, where the validation images are not at hand.
  std::optional<double> given;
};

Wanted WantedOf(const Json& evaluate, const std::vector<std::string>& classes) {
  Wanted wanted;
  evaluate.at("predictions").get_to(wanted.predictions);
  evaluate.at("bootstrap").get_to(wanted.bootstrap);
  wanted.costs = CostsOf(classes, evaluate.at("costs"));
  const Json& target = evaluate.at("threshold");
  if (target.is_null()) return wanted;
  target.at("text").get_to(wanted.target_text);
  const auto cls =
      std::ranges::find(classes, target.at("class").get<std::string>());
  BESOM_CHECK(cls != classes.end(), wanted.target_text);
  wanted.target = ThresholdTarget{target.at("metric"),
                                  static_cast<int>(cls - classes.begin()),
                                  target.at("least")};
  if (const auto given = target.find("given"); given != target.end())
    wanted.given = given->get<double>();
  return wanted;
}

/// A set on its way to its evaluation.
struct ScoredImages {
  SetEvaluation evaluation;
  ScoredSet scored;
  int draws = 0;  ///< Of the bootstrap.
};

std::vector<MetricValue> FiguresOf(const std::vector<std::string>& classes,
                                   const ScoredSet& set, int draws,
                                   const Decision& decision) {
  std::vector<MetricValue> figures;
  for (ScoreRow& row : ScoreSet(classes, set, {.draws = draws}, decision))
    figures.push_back({std::move(row.name), std::move(row.cls), row.value,
                       std::nullopt, std::move(row.interval)});
  return figures;
}

/// Puts `loss` behind balanced_accuracy. It comes from logits, so it is exact
/// where probabilities round to 0; its interval is log_loss's.
void InsertLoss(double loss, std::vector<MetricValue>& figures) {
  MetricValue row{"loss", std::nullopt, loss, std::nullopt};
  row.interval = FindMetric(figures, "log_loss")->interval;
  const auto behind =
      std::ranges::find(figures, "balanced_accuracy", &MetricValue::name);
  figures.insert(behind + 1, std::move(row));
}

Result<ScoredImages> ScoreImages(const FitImages& images,
                                 const TrainedModel& model,
                                 const std::string& name,
                                 const Wanted& wanted) {
  BESOM_ASSIGN_OR_RETURN(const SetImages set, images.Set(name));
  BESOM_ASSIGN_OR_RETURN(const std::vector<HeadOutput> outputs,
                         model.Evaluate(set.plain.rows));
  const bool is_train = name == "train";
  const bool keep = wanted.predictions == "all" ||
                    (wanted.predictions != "none" && !is_train);
  ScoredImages result;
  // Nobody asks how certain figures on the training images are.
  result.draws = is_train ? 0 : wanted.bootstrap;
  SetEvaluation& evaluation = result.evaluation;
  evaluation.set = name;
  std::vector<int> predicted;
  double loss = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    predicted.push_back(ArgMax(outputs[i].probabilities));
    loss -= outputs[i].log_probabilities[set.labels[i]];
    if (!keep) continue;
    const SplitEntry& entry = images.split().entries[set.entries[i]];
    evaluation.predictions.push_back({entry.source, entry.path, set.labels[i],
                                      predicted.back(),
                                      outputs[i].probabilities});
  }
  if (outputs.empty()) return result;
  const std::vector<std::string>& classes = images.split().classes;
  evaluation.confusion =
      CountConfusion(static_cast<int>(classes.size()), set.labels, predicted);
  result.scored = ScoredSetOf(images, set, outputs);
  evaluation.metrics =
      FiguresOf(classes, result.scored, result.draws, {.costs = wanted.costs});
  InsertLoss(loss / static_cast<double>(outputs.size()), evaluation.metrics);
  if (keep) evaluation.curves = CurvesOf(classes, result.scored);
  return result;
}

/// The threshold that the validation images ask for, or that is given.
FitThreshold ThresholdOf(const std::vector<std::string>& classes,
                         const Wanted& wanted,
                         const std::vector<ScoredImages>& sets) {
  FitThreshold threshold{classes[wanted.target->cls], wanted.target_text,
                         wanted.given};
  if (wanted.given) return threshold;
  for (const ScoredImages& set : sets) {
    if (set.evaluation.set != "validation") continue;
    const auto chosen = ChooseThreshold(set.scored, *wanted.target);
    if (!chosen) continue;
    threshold.value = chosen->value;
    threshold.positive_groups = chosen->positive_groups;
  }
  return threshold;
}

/// Adds the figures of what the threshold decides.
void Decide(const std::vector<std::string>& classes, const Wanted& wanted,
            double threshold, std::vector<ScoredImages>& sets) {
  for (ScoredImages& set : sets)
    set.evaluation.decided = FiguresOf(
        classes, set.scored, set.draws,
        {PredictedAtThreshold(set.scored, wanted.target->cls, threshold),
         wanted.costs});
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
  BESOM_ASSIGN_OR_RETURN(const FitImages images, FitImages::Read(input, cache));
  const std::vector<std::string>& classes = images.split().classes;
  const Wanted wanted = WantedOf(input.params.at("evaluate"), classes);
  BESOM_ASSIGN_OR_RETURN(const TrainedModel model,
                         ReadModel(input, images, make_base));
  BESOM_ASSIGN_OR_RETURN(const Artifact blob,
                         OneArtifact(input.artifacts, "history"));
  BESOM_ASSIGN_OR_RETURN(const Json history, ParseJson(blob.text(), "history"));
  Evaluation evaluation;
  evaluation.classes = classes;
  evaluation.repeat = images.repeat();
  evaluation.fold = images.fold();
  evaluation.history = HistoryRows(history);
  history.at("chosen_epoch").get_to(evaluation.chosen_epoch);
  std::vector<std::string> names = {"train", "validation", "test"};
  for (const std::string& name : images.split().externals)
    names.push_back(name);
  std::vector<ScoredImages> sets;
  std::size_t scored = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    BESOM_ASSIGN_OR_RETURN(ScoredImages set,
                           ScoreImages(images, model, names[i], wanted));
    if (set.evaluation.metrics.empty()) continue;
    scored += set.scored.images();
    sets.push_back(std::move(set));
    if (input.progress && input.progress((i + 1.0) / names.size()))
      return Status(StatusCode::kInterrupted, "evaluate", "asked to stop");
  }
  if (wanted.target) {
    evaluation.threshold = ThresholdOf(classes, wanted, sets);
    if (const auto value = evaluation.threshold->value)
      Decide(classes, wanted, *value, sets);
  }
  for (ScoredImages& set : sets)
    evaluation.sets.push_back(std::move(set.evaluation));
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
