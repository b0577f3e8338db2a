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
#include "stages/model/head/unfrozen_training.h"

namespace besom::stages {
namespace {

std::vector<double> NumbersOf(const EpochFigures& figures) {
  return {figures.train_loss, figures.loss.value_or(0),
          figures.accuracy.value_or(0), figures.balanced_accuracy.value_or(0)};
}

/// A fit by the ranks of a group.
struct GroupFit {
  const FitData& data;
  const HeadToFit& head;
  std::uint64_t sweep_seed;
  const std::function<bool(double)>& progress;
  const HeadKernels& kernels;
  const FitShards& shards;
  /// Whether each step is told of.
  bool slow = false;

  bool alone() const { return shards.group == nullptr; }
  bool leads() const { return alone() || shards.group->rank() == 0; }
};

using MakeTrainer =
    std::function<Result<std::unique_ptr<FitTrainer>>(cluster::Group&)>;

/// Goes on from where another attempt was, if all members know where.
Status Resume(const GroupFit& fit, FitRun& run, FitAgreement& agreement) {
  std::optional<std::string> saved;
  if (fit.head.checkpoint != nullptr) saved = fit.head.checkpoint->Load();
  BESOM_ASSIGN_OR_RETURN(const bool alike, agreement.Alike(saved.value_or("")));
  if (saved && alike) run.Resume(*std::move(saved));
  return Status::Ok();
}

Status Stopped(const GroupFit& fit, const FitRun& run) {
  if (fit.leads()) run.SaveIfDue(Checkpoint::Moment::kStop);
  return Status(StatusCode::kInterrupted, "fine_tune", "asked to stop");
}

/// Trains an epoch; returns whether somebody asked to stop meanwhile.
Result<bool> TrainEpoch(const GroupFit& fit, FitRun& run,
                        FitAgreement& agreement) {
  const TrainSettings& train = fit.head.train;
  BESOM_ASSIGN_OR_RETURN(const std::vector<const float*> rows,
                         fit.data.train_rows(run.epoch()));
  const std::vector<std::size_t> order = EpochOrder(
      fit.data.train_labels, train, fit.sweep_seed, fit.head.key, run.epoch());
  const std::size_t slice =
      fit.slow ? static_cast<std::size_t>(train.batch_size) : order.size();
  bool stop = false;
  for (std::size_t end = slice; end < order.size() + slice; end += slice) {
    if (end <= run.images_done()) continue;
    const Status trained = run.TrainUntil(end, rows, order);
    // A loss is the same number on all members.
    if (trained.code() == StatusCode::kFailed) return agreement.OnAll(trained);
    BESOM_RETURN_IF_ERROR(trained);
    if (!fit.slow || end >= order.size()) continue;
    const double share =
        static_cast<double>(end) / static_cast<double>(order.size());
    stop =
        (fit.progress && fit.progress((run.epoch() + share) / train.epochs)) ||
        stop;
    if (fit.leads()) run.SaveIfDue(Checkpoint::Moment::kStep);
    // The others of a group go on to the end of the epoch.
    if (stop && fit.alone()) return Stopped(fit, run);
  }
  return stop;
}

Result<FitResult> FitTogether(const GroupFit& fit,
                              std::unique_ptr<FitTrainer> trainer,
                              FitAgreement& agreement) {
  BESOM_RETURN_IF_ERROR(FitRun::Check(fit.data, fit.head));
  FitRun run(fit.data, fit.head, fit.kernels, std::move(trainer));
  BESOM_RETURN_IF_ERROR(Resume(fit, run, agreement));
  while (run.running()) {
    BESOM_ASSIGN_OR_RETURN(bool stop, TrainEpoch(fit, run, agreement));
    BESOM_ASSIGN_OR_RETURN(const EpochFigures figures, run.EndEpoch());
    stop = (fit.progress &&
            fit.progress(static_cast<double>(run.epoch()) /
                         static_cast<double>(fit.head.train.epochs))) ||
           stop;
    BESOM_ASSIGN_OR_RETURN(const bool all_stop,
                           agreement.AfterEpoch(stop, NumbersOf(figures)));
    if (all_stop) return agreement.OnAll(Stopped(fit, run));
    if (fit.leads()) run.SaveIfDue(Checkpoint::Moment::kEpoch);
  }
  FitResult result = run.Finish();
  BESOM_RETURN_IF_ERROR(agreement.AtTheEnd(result.weights));
  return result;
}

Result<FitResult> FitByGroup(const GroupFit& fit, const MakeTrainer& make) {
  const FitShards& shards = fit.shards;
  const FlushedDenormals flushed;
  std::optional<cluster::SelfGroup> self;
  if (shards.group == nullptr) self.emplace(shards.count);
  cluster::Group& group = self ? *self : *shards.group;
  BESOM_CHECK(
      group.shards() == shards.count,
      fmt::format("{} shards for a group of {}", shards.count, group.shards()));
  bool on_all = false;
  const auto run = [&]() -> Result<FitResult> {
    BESOM_ASSIGN_OR_RETURN(FitAgreement agreement,
                           FitAgreement::Make(group, shards.timeout_seconds));
    BESOM_ASSIGN_OR_RETURN(std::unique_ptr<FitTrainer> trainer, make(group));
    Result<FitResult> result = FitTogether(fit, std::move(trainer), agreement);
    on_all = agreement.on_all();
    return result;
  };
  Result<FitResult> result = run();
  if (!result.ok() && !on_all) group.Abort(result.status());
  return result;
}

HeadWeights FirstWeights(const FitData& data, const HeadToFit& head,
                         int dimension) {
  return InitialWeights(dimension, head.head.hidden,
                        static_cast<int>(data.classes.size()), head.head.init,
                        head.key);
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
  return FitByGroup(
      {data, head, sweep_seed, progress, kernels, shards},
      [&](cluster::Group& group) -> Result<std::unique_ptr<FitTrainer>> {
        BESOM_ASSIGN_OR_RETURN(
            std::unique_ptr<FitTrainer> trainer,
            ShardedTraining::Make(FirstWeights(data, head, data.dimension),
                                  head.train, kernels, group,
                                  shards.timeout_seconds));
        return trainer;
      });
}

Result<FitResult> FitUnfrozen(const FitData& data, const HeadToFit& head,
                              std::uint64_t sweep_seed,
                              const std::function<bool(double)>& progress,
                              std::unique_ptr<TrainedBase> base,
                              const HeadKernels& kernels,
                              const FitShards& shards) {
  return FitByGroup(
      {data, head, sweep_seed, progress, kernels, shards, /*slow=*/true},
      [&](cluster::Group& group) -> Result<std::unique_ptr<FitTrainer>> {
        HeadWeights layers = FirstWeights(data, head, base->dimension());
        BESOM_ASSIGN_OR_RETURN(
            std::unique_ptr<FitTrainer> trainer,
            UnfrozenTraining::Make(std::move(layers), std::move(base),
                                   head.train, kernels, group,
                                   shards.timeout_seconds));
        return trainer;
      });
}

}  // namespace besom::stages
