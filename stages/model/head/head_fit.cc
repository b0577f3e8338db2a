#include "stages/model/head/head_fit.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cluster/self_group.h"
#include "pipeline/base/check.h"
#include "stages/model/flushed_denormals.h"
#include "stages/model/head/epoch_draws.h"
#include "stages/model/head/fit_agreement.h"
#include "stages/model/head/fit_run.h"
#include "stages/model/head/fused_fit.h"
#include "stages/model/head/sharded_training.h"

namespace besom::stages {
namespace {

std::vector<double> NumbersOf(const EpochFigures& figures) {
  return {figures.train_loss, figures.loss.value_or(0),
          figures.accuracy.value_or(0), figures.balanced_accuracy.value_or(0)};
}

Status TrainEpoch(FitRun& run, const FitData& data, const HeadToFit& head,
                  std::uint64_t sweep_seed, FitAgreement& agreement) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<const float*> rows,
                         data.train_rows(run.epoch()));
  const std::vector<std::size_t> order = EpochOrder(
      data.train_labels, head.train, sweep_seed, head.key, run.epoch());
  const Status trained = run.TrainUntil(order.size(), rows, order);
  // A loss is the same number on all members.
  if (trained.code() == StatusCode::kFailed) return agreement.OnAll(trained);
  return trained;
}

Result<FitResult> FitSharded(const FitData& data, const HeadToFit& head,
                             std::uint64_t sweep_seed,
                             const std::function<bool(double)>& progress,
                             std::unique_ptr<FitTrainer> trainer,
                             const HeadKernels& kernels,
                             FitAgreement& agreement) {
  BESOM_RETURN_IF_ERROR(FitRun::Check(data, head));
  FitRun run(data, head, kernels, std::move(trainer));
  while (run.running()) {
    BESOM_RETURN_IF_ERROR(TrainEpoch(run, data, head, sweep_seed, agreement));
    BESOM_ASSIGN_OR_RETURN(const EpochFigures figures, run.EndEpoch());
    const bool stop =
        progress && progress(static_cast<double>(run.epoch()) /
                             static_cast<double>(head.train.epochs));
    BESOM_ASSIGN_OR_RETURN(const bool all_stop,
                           agreement.AfterEpoch(stop, NumbersOf(figures)));
    if (all_stop)
      return agreement.OnAll(
          Status(StatusCode::kInterrupted, "fine_tune", "asked to stop"));
  }
  FitResult result = run.Finish();
  BESOM_RETURN_IF_ERROR(agreement.AtTheEnd(result.weights));
  return result;
}

}  // namespace

Result<FitResult> FitHead(const FitData& data, const HeadToFit& head,
                          std::uint64_t sweep_seed,
                          const std::function<bool(double)>& progress,
                          const HeadKernels& kernels, const FitShards& shards) {
  if (shards.count == 1) {
    BESOM_ASSIGN_OR_RETURN(std::vector<Result<FitResult>> fits,
                           FitHeads(data, std::span(&head, 1), sweep_seed,
                                    progress, /*threads=*/1, kernels));
    return std::move(fits.front());
  }
  const FlushedDenormals flushed;
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
        std::unique_ptr<ShardedTraining> training,
        ShardedTraining::Make(
            InitialWeights(data.dimension, head.head.hidden,
                           static_cast<int>(data.classes.size()),
                           head.head.init, head.key),
            head.train, kernels, group, shards.timeout_seconds));
    Result<FitResult> result =
        FitSharded(data, head, sweep_seed, progress, std::move(training),
                   kernels, agreement);
    on_all = agreement.on_all();
    return result;
  };
  Result<FitResult> result = fit();
  if (!result.ok() && !on_all) group.Abort(result.status());
  return result;
}

}  // namespace besom::stages
