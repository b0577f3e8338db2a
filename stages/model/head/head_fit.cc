#include "stages/model/head/head_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "cluster/self_group.h"
#include "pipeline/base/check.h"
#include "pipeline/base/random.h"
#include "stages/metric/metrics.h"
#include "stages/model/head/fit_agreement.h"
#include "stages/model/head/head_training.h"
#include "stages/model/head/sharded_training.h"

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

std::vector<std::size_t> Balanced(const std::vector<std::size_t>& order,
                                  const std::vector<int>& labels,
                                  ClassBalance balance) {
  const int classes = *std::max_element(labels.begin(), labels.end()) + 1;
  std::vector<std::vector<std::size_t>> members(classes);
  for (const std::size_t image : order) members[labels[image]].push_back(image);
  std::erase_if(members, [](const auto& images) { return images.empty(); });
  const auto [fewest, most] = std::minmax_element(
      members.begin(), members.end(),
      [](const auto& a, const auto& b) { return a.size() < b.size(); });
  const std::size_t wanted =
      balance == ClassBalance::kUndersample ? fewest->size() : most->size();
  std::vector<std::size_t> result;
  for (const auto& images : members)
    for (std::size_t i = 0; i < wanted; ++i)
      result.push_back(images[i % images.size()]);
  return result;
}

std::vector<double> NumbersOf(const EpochFigures& figures) {
  return {figures.train_loss, figures.loss.value_or(0),
          figures.accuracy.value_or(0), figures.balanced_accuracy.value_or(0)};
}

/// The loop over epochs and what it remembers.
class Fitting {
 public:
  Fitting(const FitData& data, const HeadSettings& head,
          const TrainSettings& train, std::uint64_t sweep_seed,
          const FitKey& key, const HeadKernels& kernels, HeadTrainer& trainer,
          FitAgreement& agreement)
      : data_(data),
        head_(head),
        train_(train),
        sweep_seed_(sweep_seed),
        key_(key),
        kernels_(kernels),
        trainer_(trainer),
        agreement_(agreement) {}

  Result<FitResult> Run(const std::function<bool(double)>& progress);

 private:
  Status Prepare();
  Result<double> TrainEpoch(int epoch);
  Status Validate(int epoch, EpochFigures& figures);
  void Keep(int epoch, double score);
  bool has_validation() const { return !data_.validation_rows.empty(); }

  const FitData& data_;
  const HeadSettings& head_;
  const TrainSettings& train_;
  const std::uint64_t sweep_seed_;
  const FitKey key_;
  const HeadKernels& kernels_;
  HeadTrainer& trainer_;
  FitAgreement& agreement_;
  LossSettings loss_;
  FitResult result_;
  double best_ = 0;  // Score of best_epoch_; lower is better.
  int best_epoch_ = -1;
};

Status Fitting::Prepare() {
  if (data_.train_labels.empty())
    return InvalidError("fine_tune", "there are no training images");
  if (train_.patience > 0 && !has_validation())
    return InvalidError("train.early_stopping.patience",
                        "there are no validation images to stop by",
                        "set split.validation above 0, or patience to 0");
  BESOM_ASSIGN_OR_RETURN(
      result_.class_weights,
      ClassWeights(train_.class_weights, data_.classes, data_.train_labels));
  loss_ = {result_.class_weights, train_.label_smoothing};
  return Status::Ok();
}

Result<FitResult> Fitting::Run(const std::function<bool(double)>& progress) {
  BESOM_RETURN_IF_ERROR(Prepare());
  for (int epoch = 0; epoch < train_.epochs; ++epoch) {
    EpochFigures figures;
    BESOM_ASSIGN_OR_RETURN(figures.train_loss, TrainEpoch(epoch));
    if (has_validation()) BESOM_RETURN_IF_ERROR(Validate(epoch, figures));
    result_.epochs.push_back(figures);
    const bool stop = progress && progress((epoch + 1.0) / train_.epochs);
    BESOM_ASSIGN_OR_RETURN(const bool all_stop,
                           agreement_.AfterEpoch(stop, NumbersOf(figures)));
    if (all_stop)
      return agreement_.OnAll(
          Status(StatusCode::kInterrupted, "fine_tune", "asked to stop"));
    if (train_.patience > 0 && epoch - best_epoch_ >= train_.patience &&
        epoch + 1 < train_.epochs) {
      result_.stopped_early = true;
      break;
    }
  }
  if (!has_validation() || !train_.keep_best) {
    result_.weights = trainer_.weights();
    result_.chosen_epoch = static_cast<int>(result_.epochs.size()) - 1;
  }
  BESOM_RETURN_IF_ERROR(agreement_.AtTheEnd(result_.weights));
  return std::move(result_);
}

Result<double> Fitting::TrainEpoch(int epoch) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<const float*> rows,
                         data_.train_rows(epoch));
  BESOM_CHECK(rows.size() == data_.train_labels.size(), "one row per label");
  const std::vector<std::size_t> order =
      EpochOrder(data_.train_labels, train_, sweep_seed_, key_, epoch);
  double sum = 0;
  int step = 0;
  for (std::size_t begin = 0; begin < order.size(); ++step) {
    const std::size_t end = std::min(
        order.size(), begin + static_cast<std::size_t>(train_.batch_size));
    std::vector<const float*> batch;
    std::vector<int> labels;
    for (; begin < end; ++begin) {
      batch.push_back(rows[order[begin]]);
      labels.push_back(data_.train_labels[order[begin]]);
    }
    BESOM_ASSIGN_OR_RETURN(
        const double loss,
        trainer_.Step(
            batch, labels, loss_,
            DropoutMasks(head_.hidden, head_.dropout, key_, epoch, step,
                         static_cast<int>(batch.size()), kernels_)));
    if (!std::isfinite(loss))
      return agreement_.OnAll(
          NotFinite("loss", loss, epoch, step, train_.learning_rate));
    sum += loss;
  }
  return sum / step;
}

Status Fitting::Validate(int epoch, EpochFigures& figures) {
  const std::size_t classes = data_.classes.size();
  const std::vector<float> logits =
      HeadLogits(trainer_.weights(), data_.validation_rows, kernels_);
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
    return NotFinite("validation loss", loss, epoch, 0, train_.learning_rate);
  const std::vector<MetricValue> metrics =
      MetricsOf(data_.classes,
                CountConfusion(static_cast<int>(classes),
                               data_.validation_labels, predicted),
                loss);
  figures.loss = loss;
  figures.accuracy = FindMetric(metrics, "accuracy")->value;
  figures.balanced_accuracy = FindMetric(metrics, "balanced_accuracy")->value;
  const MetricValue* score = FindMetric(metrics, train_.keep_metric);
  if (score == nullptr)
    return InvalidError("train.keep.metric",
                        fmt::format("there is no '{}'", train_.keep_metric));
  if (!score->value)
    return InvalidError(
        "train.keep.metric",
        fmt::format("'{}' is not defined on the validation images",
                    train_.keep_metric));
  Keep(epoch, train_.keep_minimize ? *score->value : -*score->value);
  return Status::Ok();
}

void Fitting::Keep(int epoch, double score) {
  if (best_epoch_ >= 0 && score >= best_) return;  // The earliest on ties.
  best_ = score;
  best_epoch_ = epoch;
  result_.chosen_epoch = epoch;
  result_.weights = trainer_.weights();
}

}  // namespace

std::vector<std::size_t> EpochOrder(const std::vector<int>& labels,
                                    const TrainSettings& settings,
                                    std::uint64_t sweep_seed, const FitKey& key,
                                    int epoch) {
  const auto repeat = static_cast<std::uint64_t>(key.repeat);
  const auto fold = static_cast<std::uint64_t>(key.fold);
  const auto at = static_cast<std::uint64_t>(epoch);
  KeyedRandom random =
      settings.own_order
          ? KeyedRandom(sweep_seed, "own_order",
                        {repeat, fold, at, settings.seed})
          : KeyedRandom(sweep_seed, "batch_order", {repeat, fold, at});
  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.Shuffle(order);
  if (settings.balance == ClassBalance::kNone || labels.empty()) return order;
  order = Balanced(order, labels, settings.balance);
  random.Shuffle(order);  // Balancing left it sorted by class.
  return order;
}

std::vector<std::vector<float>> DropoutMasks(const std::vector<int>& hidden,
                                             double dropout, const FitKey& key,
                                             int epoch, int step, int rows,
                                             const HeadKernels& kernels) {
  std::vector<std::vector<float>> masks;
  if (dropout == 0) return masks;
  const auto threshold = static_cast<std::uint32_t>(dropout * 0x1.0p32);
  const auto scale = static_cast<float>(1 / (1 - dropout));
  for (std::size_t l = 0; l < hidden.size(); ++l) {
    KeyedRandom random(
        key.train_seed, "dropout",
        {l, static_cast<std::uint64_t>(key.repeat),
         static_cast<std::uint64_t>(key.fold),
         static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(step)});
    std::uint32_t stream[4];
    for (std::uint32_t& word : stream) word = random.Next32();
    std::vector<float>& mask = masks.emplace_back(
        static_cast<std::size_t>(rows) * PaddedWidth(hidden[l]));
    kernels.mask(stream, threshold, scale, static_cast<int>(mask.size()),
                 mask.data());
  }
  return masks;
}

Result<FitResult> FitHead(const FitData& data, const HeadSettings& head,
                          const TrainSettings& train, std::uint64_t sweep_seed,
                          const FitKey& key,
                          const std::function<bool(double)>& progress,
                          const HeadKernels& kernels, const FitShards& shards) {
  HeadWeights start =
      InitialWeights(data.dimension, head.hidden,
                     static_cast<int>(data.classes.size()), head.init, key);
  if (shards.count == 1) {
    HeadTraining training(std::move(start), train, kernels);
    FitAgreement alone;
    return Fitting(data, head, train, sweep_seed, key, kernels, training, alone)
        .Run(progress);
  }
  std::optional<cluster::SelfGroup> self;
  if (shards.group == nullptr) self.emplace(shards.count);
  cluster::Group& group = self ? *self : *shards.group;
  BESOM_CHECK(
      group.shards() == shards.count,
      fmt::format("{} shards for a group of {}", shards.count, group.shards()));
  bool on_all = false;
  const auto fit = [&]() -> Result<FitResult> {
    BESOM_ASSIGN_OR_RETURN(FitAgreement agreement,
                           FitAgreement::Make(group, shards.timeout_seconds));
    BESOM_ASSIGN_OR_RETURN(
        const std::unique_ptr<ShardedTraining> training,
        ShardedTraining::Make(std::move(start), train, kernels, group,
                              shards.timeout_seconds));
    Result<FitResult> result = Fitting(data, head, train, sweep_seed, key,
                                       kernels, *training, agreement)
                                   .Run(progress);
    on_all = agreement.on_all();
    return result;
  };
  Result<FitResult> result = fit();
  if (!result.ok() && !on_all) group.Abort(result.status());
  return result;
}

}  // namespace besom::stages
