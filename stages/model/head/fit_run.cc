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
  result_.class_weights =
      ClassWeights(head.train.class_weights, data.classes, data.train_labels)
          .value();
  loss_ = {result_.class_weights, head.train.label_smoothing,
           head.train.focal_gamma};
}

FitState FitRun::State() const {
  return {.trainer = trainer_->State(),
          .learning_rate = learning_rate_.state(),
          .so_far = result_,
          .next = next_,
          .steps = steps_,
          .sum = sum_,
          .best = best_,
          .best_epoch = best_epoch_};
}

Status FitRun::Restore(FitState state) {
  FitResult& so_far = state.so_far;
  const auto epochs = static_cast<int>(so_far.epochs.size());
  if (epochs > head_.train.epochs || state.best_epoch >= epochs ||
      state.steps < 0 || state.steps > steps_per_epoch_)
    return CorruptError("checkpoint", "it is of a longer fit");
  BESOM_RETURN_IF_ERROR(trainer_->Restore(state.trainer));
  learning_rate_.Restore(state.learning_rate);
  so_far.class_weights = std::move(result_.class_weights);
  result_ = std::move(so_far);
  result_.resumed_epoch = epochs;
  next_ = state.next;
  steps_ = state.steps;
  sum_ = state.sum;
  best_ = state.best;
  best_epoch_ = state.best_epoch;
  return Status::Ok();
}

void FitRun::Resume(std::string_view saved) {
  Result<FitState> state = UnpackFitState(std::string(saved));
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
  return !result_.stopped_early && epoch() < head_.train.epochs;
}

Status FitRun::TrainUntil(std::size_t end, std::span<const float* const> rows,
                          std::span<const std::size_t> order) {
  BESOM_CHECK(rows.size() == data_.train_labels.size(), "one row per label");
  const auto batch_size = static_cast<std::size_t>(head_.train.batch_size);
  while (next_ < std::min(end, order.size())) {
    const auto images =
        order.subspan(next_, std::min(batch_size, order.size() - next_));
    BESOM_RETURN_IF_ERROR(Step(images, rows));
    next_ += images.size();
    ++steps_;
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
                                        steps_, batch.size());
    for (const std::size_t partner : mixture.partners)
      others.push_back(labels[partner]);
    targets.others = others;
    targets.share = mixture.share;
    batch = mixer_.Mix(batch, data_.dimension, mixture, kernels_);
  }
  const std::vector<std::vector<float>> masks =
      DropoutMasks(head_.head.hidden, head_.head.dropout, head_.key, epoch(),
                   steps_, static_cast<int>(batch.size()), kernels_);
  const double rate = learning_rate_.At(epoch() * steps_per_epoch_ + steps_);
  BESOM_ASSIGN_OR_RETURN(const StepFigures figures,
                         trainer_->Step({.rows = batch,
                                         .targets = targets,
                                         .loss = loss_,
                                         .masks = masks,
                                         .learning_rate = rate,
                                         .epoch = epoch(),
                                         .step = steps_}));
  if (!std::isfinite(figures.loss))
    return NotFinite("loss", figures.loss, epoch(), steps_, rate);
  if (!std::isfinite(figures.gradient_norm))
    return NotFinite("norm of the gradient", figures.gradient_norm, epoch(),
                     steps_, rate);
  sum_ += figures.loss;
  return Status::Ok();
}

Result<EpochFigures> FitRun::EndEpoch() {
  BESOM_CHECK(steps_ > 0, "an epoch without a step");
  EpochFigures figures;
  figures.train_loss = sum_ / steps_;
  if (has_validation()) BESOM_RETURN_IF_ERROR(Validate(figures));
  const int ended = epoch();
  if (figures.loss) learning_rate_.AfterEpoch(ended, *figures.loss);
  result_.epochs.push_back(figures);
  next_ = 0;
  steps_ = 0;
  sum_ = 0;
  result_.stopped_early = head_.train.patience > 0 &&
                          ended - best_epoch_ >= head_.train.patience &&
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
        "validation loss", loss, epoch(), steps_ - 1,
        learning_rate_.At(epoch() * steps_per_epoch_ + steps_ - 1));
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
  if (best_epoch_ >= 0 && score >= best_) return;  // The earliest on ties.
  best_ = score;
  best_epoch_ = epoch();
  if (head_.train.keep_best) result_.weights = trainer_->Weights();
}

FitResult FitRun::Finish() {
  if (has_validation() && head_.train.keep_best) {
    result_.chosen_epoch = best_epoch_;
  } else {
    result_.weights = trainer_->Weights();
    result_.chosen_epoch = epoch() - 1;
  }
  trainer_.reset();
  return std::move(result_);
}

}  // namespace besom::stages
