#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/checkpoint.h"
#include "stages/model/head/fit_data.h"
#include "stages/model/head/fit_state.h"
#include "stages/model/head/fit_trainer.h"
#include "stages/model/head/learning_rate.h"
#include "stages/model/head/mixup.h"

namespace besom::stages {

/// One fit on its way through the epochs: what its trainer, whatever that
/// trains, is told to do, and what is remembered of it. Where an epoch is cut
/// into calls changes no bit. One thread at a time. Data, head and kernels are
/// borrowed.
class FitRun {
 public:
  /// kInvalid when the settings ask for what the data do not hold.
  static Status Check(const FitData& data, const HeadToFit& head);

  /// REQUIRES: Check(data, head).ok().
  FitRun(const FitData& data, const HeadToFit& head, const HeadKernels& kernels,
         std::unique_ptr<FitTrainer> trainer);

  /// Whether there is an epoch left to train.
  bool running() const;
  /// The epoch to train (from 0), or how many there were.
  int epoch() const { return static_cast<int>(at_.so_far.epochs.size()); }
  /// How many images of this epoch's order have been trained on.
  std::size_t images_done() const { return at_.next; }

  /// Goes on from `saved`, bytes of a run of the same data and head. Whatever
  /// else they are is said in the log, and the run begins at the beginning.
  void Resume(std::string saved);
  /// Leaves how far it is at head.checkpoint, where that is due.
  void SaveIfDue(Checkpoint::Moment moment) const;

  /// Takes the steps of this epoch that begin before its image number `end`.
  /// rows: those of all training images; order: that of the epoch.
  /// kFailed with epoch, step and learning rate when a loss, or the norm of a
  /// gradient that is to be clipped, is not finite; other errors are the
  /// trainer's.
  Status TrainUntil(std::size_t end, std::span<const float* const> rows,
                    std::span<const std::size_t> order);
  /// Ends the epoch: validates, keeps the weights of the best one, and sees
  /// whether it is the last. REQUIRES: the epoch had a step.
  Result<EpochFigures> EndEpoch();
  /// The weights chosen and the history. Call once, when no longer running.
  FitResult Finish();

 private:
  FitState State() const;
  Status Restore(FitState state);
  /// Takes one step on these images.
  Status Step(std::span<const std::size_t> images,
              std::span<const float* const> rows);
  Status Validate(EpochFigures& figures);
  void Keep(double score);
  bool has_validation() const { return !data_.validation_rows.empty(); }

  const FitData& data_;
  const HeadToFit& head_;
  const HeadKernels& kernels_;
  std::unique_ptr<FitTrainer> trainer_;
  LossSettings loss_;
  RowMixer mixer_;
  const std::int64_t steps_per_epoch_;
  LearningRate learning_rate_;
  FitProgress at_;
};

}  // namespace besom::stages
