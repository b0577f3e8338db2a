#include "stages/model/head/fit_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/metric/metrics.h"
#include "stages/model/head/epoch_draws.h"

namespace besom::stages {
namespace {

Status NotFinite(std::string_view what, double value, int epoch, int step,
                 double learning_rate) {
  return Status(
      StatusCode::kFailed, "fine_tune",
      fmt::format("the {} became {} in epoch {}, step {} (learning rate {:g})",
                  what, value, epoch, step, learning_rate),
      "lower train.learning_rate");
}

}  // namespace

Status FitRun::Check(const FitData& data, const HeadToFit& head) {
  if (data.train_labels.empty())
    return InvalidError("fine_tune", "there are no training images");
  if (head.train.patience > 0 && data.validation_rows.empty())
    return InvalidError("train.early_stopping.patience",
                        "there are no validation images to stop by",
                        "set split.validation above 0, or patience to 0");
  return ClassWeights(head.train.class_weights, data.classes, data.train_labels)
      .status();
}

FitRun::FitRun(const FitData& data, const HeadToFit& head,
               const HeadKernels& kernels, std::unique_ptr<FitTrainer> trainer)
    : data_(data),
      head_(head),
      kernels_(kernels),
      trainer_(std::move(trainer)),
      learning_rate_(head.train) {
  result_.class_weights =
      ClassWeights(head.train.class_weights, data.classes, data.train_labels)
          .value();
  loss_ = {result_.class_weights, head.train.label_smoothing};
}

bool FitRun::running() const {
  return !result_.stopped_early && epoch() < head_.train.epochs;
}

Status FitRun::TrainUntil(std::size_t end, std::span<const float* const> rows,
                          std::span<const std::size_t> order) {
  BESOM_CHECK(rows.size() == data_.train_labels.size(), "one row per label");
  const auto batch_size = static_cast<std::size_t>(head_.train.batch_size);
  for (; next_ < std::min(end, order.size()); ++steps_) {
    const auto images =
        order.subspan(next_, std::min(batch_size, order.size() - next_));
    std::vector<const float*> batch;
    std::vector<int> labels;
    for (const std::size_t image : images) {
      batch.push_back(rows[image]);
      labels.push_back(data_.train_labels[image]);
    }
    const std::vector<std::vector<float>> masks =
        DropoutMasks(head_.head.hidden, head_.head.dropout, head_.key, epoch(),
                     steps_, static_cast<int>(batch.size()), kernels_);
    const double rate = learning_rate_.At(epoch(), steps_);
    BESOM_ASSIGN_OR_RETURN(const StepFigures figures,
                           trainer_->Step({.rows = batch,
                                           .targets = {labels},
                                           .loss = loss_,
                                           .masks = masks,
                                           .learning_rate = rate,
                                           .epoch = epoch(),
                                           .step = steps_}));
    if (!std::isfinite(figures.loss))
      return NotFinite("loss", figures.loss, epoch(), steps_, rate);
    sum_ += figures.loss;
    next_ += images.size();
  }
  return Status::Ok();
}

Result<EpochFigures> FitRun::EndEpoch() {
  BESOM_CHECK(steps_ > 0, "an epoch without a step");
  EpochFigures figures;
  figures.train_loss = sum_ / steps_;
  if (has_validation()) BESOM_RETURN_IF_ERROR(Validate(figures));
  const int ended = epoch();
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
    return NotFinite("validation loss", loss, epoch(), 0,
                     head_.train.learning_rate);
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
