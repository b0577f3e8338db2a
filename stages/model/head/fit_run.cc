#include "stages/model/head/fit_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "pipeline/base/check.h"
#include "pipeline/base/log.h"
#include "stages/metric/metrics.h"
#include "stages/model/head/epoch_draws.h"

namespace besom::stages {
namespace {

// 0 where there are no images, which Check() refuses.
std::int64_t StepsPerEpoch(const FitData& data, const TrainSettings& train) {
  const std::size_t images = EpochSize(data.train_labels, train.balance);
  const auto batch = static_cast<std::size_t>(train.batch_size);
  return static_cast<std::int64_t>((images + batch - 1) / batch);
}

Status NotFinite(std::string_view what, double value, int epoch, int step,
                 double learning_rate) {
  return Status(
      StatusCode::kFailed, "fine_tune",
      fmt::format("the {} became {} in epoch {}, step {} (learning rate {:g})",
                  what, std::isnan(value) ? std::abs(value) : value, epoch,
                  step, learning_rate),
      "lower train.learning_rate (of an unfrozen base also "
      "train.base_learning_rate)");
}

}  // namespace

Status FitRun::Check(const FitData& data, const HeadToFit& head) {
  if (data.train_labels.empty())
    return InvalidError("fine_tune", "there are no training images");
  if (data.validation_rows.empty()) {
    if (head.train.patience > 0)
      return InvalidError("train.early_stopping.patience",
                          "there are no validation images to stop by",
                          "set split.validation above 0, or patience to 0");
    if (head.train.schedule.kind == ScheduleKind::kPlateau)
      return InvalidError("train.schedule",
                          "there are no validation images to see a plateau by",
                          "set split.validation above 0, or take another one");
  }
  return ClassWeights(head.train.class_weights, data.classes, data.train_labels)
      .status();
}

FitRun::FitRun(const FitData& data, const HeadToFit& head,
               const HeadKernels& kernels, std::unique_ptr<FitTrainer> trainer)
    : data_(data),
      head_(head),
      kernels_(kernels),
      trainer_(std::move(trainer)),
      steps_per_epoch_(StepsPerEpoch(data, head.train)),
      learning_rate_(head.train, steps_per_epoch_) {
  at_.so_far.class_weights =
      ClassWeights(head.train.class_weights, data.classes, data.train_labels)
          .value();
  loss_ = {at_.so_far.class_weights, head.train.label_smoothing,
           head.train.focal_gamma};
}

FitState FitRun::State() const {
  return {trainer_->State(), learning_rate_.state(), at_};
}

Status FitRun::Restore(FitState state) {
  FitProgress& saved = state.progress;
  const auto epochs = static_cast<int>(saved.so_far.epochs.size());
  if (epochs > head_.train.epochs || saved.best_epoch >= epochs ||
      saved.steps < 0 || saved.steps > steps_per_epoch_)
    return CorruptError("checkpoint", "it is of a longer fit");
  BESOM_RETURN_IF_ERROR(trainer_->Restore(state.trainer));
  learning_rate_.Restore(state.learning_rate);
  saved.so_far.class_weights = std::move(at_.so_far.class_weights);
  saved.so_far.resumed_epoch = epochs;
  at_ = std::move(saved);
  return Status::Ok();
}

void FitRun::Resume(std::string saved) {
  Result<FitState> state = UnpackFitState(std::move(saved));
  const Status resumed =
      state.ok() ? Restore(*std::move(state)) : state.status();
  if (resumed.ok()) return;
  Log(LogLevel::kWarning,
      fmt::format("a fit begins again: {}", resumed.ToString()));
}

void FitRun::SaveIfDue(Checkpoint::Moment moment) const {
  if (head_.checkpoint == nullptr) return;
  if (!running() && moment != Checkpoint::Moment::kStop) return;
  if (!head_.checkpoint->Due(moment)) return;
  head_.checkpoint->Save(PackFitState(State()));
}

bool FitRun::running() const {
  return !at_.so_far.stopped_early && epoch() < head_.train.epochs;
}

Status FitRun::TrainUntil(std::size_t end, std::span<const float* const> rows,
                          std::span<const std::size_t> order) {
  BESOM_CHECK(rows.size() == data_.train_labels.size(), "one row per label");
  const auto batch_size = static_cast<std::size_t>(head_.train.batch_size);
  while (at_.next < std::min(end, order.size())) {
    const auto images =
        order.subspan(at_.next, std::min(batch_size, order.size() - at_.next));
    BESOM_RETURN_IF_ERROR(Step(images, rows));
    at_.next += images.size();
    ++at_.steps;
  }
  return Status::Ok();
}

Status FitRun::Step(std::span<const std::size_t> images,
                    std::span<const float* const> rows) {
  std::vector<const float*> batch;
  std::vector<int> labels, others;
  for (const std::size_t image : images) {
    batch.push_back(rows[image]);
    labels.push_back(data_.train_labels[image]);
  }
  Targets targets{.labels = labels};
  if (head_.train.mixup > 0) {
    const Mixture mixture = DrawMixture(head_.train.mixup, head_.key, epoch(),
                                        at_.steps, batch.size());
    for (const std::size_t partner : mixture.partners)
      others.push_back(labels[partner]);
    targets.others = others;
    targets.share = mixture.share;
    batch = mixer_.Mix(batch, data_.dimension, mixture, kernels_);
  }
  const std::vector<std::vector<float>> masks =
      DropoutMasks(head_.head.hidden, head_.head.dropout, head_.key, epoch(),
                   at_.steps, static_cast<int>(batch.size()), kernels_);
  const double rate = learning_rate_.At(epoch() * steps_per_epoch_ + at_.steps);
  BESOM_ASSIGN_OR_RETURN(const StepFigures figures,
                         trainer_->Step({.rows = batch,
                                         .targets = targets,
                                         .loss = loss_,
                                         .masks = masks,
                                         .learning_rate = rate,
                                         .epoch = epoch(),
                                         .step = at_.steps}));
  if (!std::isfinite(figures.loss))
    return NotFinite("loss", figures.loss, epoch(), at_.steps, rate);
  if (!std::isfinite(figures.gradient_norm))
    return NotFinite("norm of the gradient", figures.gradient_norm, epoch(),
                     at_.steps, rate);
  at_.sum += figures.loss;
  return Status::Ok();
}

Result<EpochFigures> FitRun::EndEpoch() {
  BESOM_CHECK(at_.steps > 0, "an epoch without a step");
  EpochFigures figures;
  figures.train_loss = at_.sum / at_.steps;
  if (has_validation()) BESOM_RETURN_IF_ERROR(Validate(figures));
  const int ended = epoch();
  if (figures.loss) learning_rate_.AfterEpoch(ended, *figures.loss);
  at_.so_far.epochs.push_back(figures);
  at_.next = 0;
  at_.steps = 0;
  at_.sum = 0;
  at_.so_far.stopped_early = head_.train.patience > 0 &&
                             ended - at_.best_epoch >= head_.train.patience &&
                             epoch() < head_.train.epochs;
  return figures;
}

Status FitRun::Validate(EpochFigures& figures) {
  const std::size_t classes = data_.classes.size();
  BESOM_ASSIGN_OR_RETURN(const std::vector<float> logits,
                         trainer_->Logits(data_.validation_rows));
  double loss = 0;
  std::vector<int> predicted;
  for (std::size_t i = 0; i < data_.validation_labels.size(); ++i) {
    const std::vector<double> log_p =
        LogSoftmax(std::span(logits).subspan(i * classes, classes));
    loss -= log_p[data_.validation_labels[i]];
    predicted.push_back(ArgMax(log_p));
  }
  loss /= static_cast<double>(data_.validation_labels.size());
  if (!std::isfinite(loss))
    return NotFinite(
        "validation loss", loss, epoch(), at_.steps - 1,
        learning_rate_.At(epoch() * steps_per_epoch_ + at_.steps - 1));
  const std::vector<MetricValue> metrics =
      MetricsOf(data_.classes,
                CountConfusion(static_cast<int>(classes),
                               data_.validation_labels, predicted),
                loss);
  figures.loss = loss;
  figures.accuracy = FindMetric(metrics, "accuracy")->value;
  figures.balanced_accuracy = FindMetric(metrics, "balanced_accuracy")->value;
  const std::string& name = head_.train.keep_metric;
  const MetricValue* score = FindMetric(metrics, name);
  if (score == nullptr)
    return InvalidError("train.keep.metric",
                        fmt::format("there is no '{}'", name));
  if (!score->value)
    return InvalidError(
        "train.keep.metric",
        fmt::format("'{}' is not defined on the validation images", name));
  Keep(head_.train.keep_minimize ? *score->value : -*score->value);
  return Status::Ok();
}

void FitRun::Keep(double score) {
  if (at_.best_epoch >= 0 && score >= at_.best)
    return;  // The earliest on ties.
  at_.best = score;
  at_.best_epoch = epoch();
  if (head_.train.keep_best) at_.so_far.weights = trainer_->Weights();
}

FitResult FitRun::Finish() {
  if (has_validation() && head_.train.keep_best) {
    at_.so_far.chosen_epoch = at_.best_epoch;
  } else {
    at_.so_far.weights = trainer_->Weights();
    at_.so_far.chosen_epoch = epoch() - 1;
  }
  trainer_.reset();
  return std::move(at_.so_far);
}

}  // namespace besom::stages
