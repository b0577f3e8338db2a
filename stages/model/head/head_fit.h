#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cluster/group.h"
#include "pipeline/base/result.h"
#include "stages/model/head/head_network.h"
#include "stages/model/head/head_settings.h"

namespace besom::stages {

/// The images of one fit, as feature rows.
struct FitData {
  std::vector<std::string> classes;
  int dimension = 0;              ///< Length of a row.
  std::vector<int> train_labels;  ///< Class indices, in the order of scan.
  /// The rows that the training images show in an epoch (from 0), parallel to
  /// train_labels. They live as long as the fit.
  std::function<Result<std::vector<const float*>>(int epoch)> train_rows;
  std::vector<int> validation_labels;
  std::vector<const float*> validation_rows;  ///< View 0.
};

struct EpochFigures {
  double train_loss = 0;  ///< Mean of the batches' losses as trained.
  /// Of the validation images, unweighted; none without such images.
  std::optional<double> loss, accuracy, balanced_accuracy;
};

struct FitResult {
  HeadWeights weights;  ///< Of the chosen epoch.
  int chosen_epoch = 0;
  bool stopped_early = false;
  std::vector<double> class_weights;
  std::vector<EpochFigures> epochs;
};

/// The images of one epoch in the order of training, as indices into labels:
/// drawn from (sweep seed, repeat, fold, epoch), with `own` from the train
/// seed too. kUndersample keeps of each class as many as the smallest has,
/// drawn anew each epoch; kOversample repeats images of each class until it
/// has as many as the largest. Classes without images are passed over.
std::vector<std::size_t> EpochOrder(const std::vector<int>& labels,
                                    const TrainSettings& settings,
                                    std::uint64_t sweep_seed, const FitKey& key,
                                    int epoch);

/// Dropout masks of one step, one per hidden layer (rows x padded); empty for
/// dropout 0. Drawn from (train seed, layer, repeat, fold, epoch, step).
std::vector<std::vector<float>> DropoutMasks(const std::vector<int>& hidden,
                                             double dropout, const FitKey& key,
                                             int epoch, int step, int rows,
                                             const HeadKernels& kernels);

/// Into how many shards each batch is cut, and who computes them.
struct FitShards {
  int count = 1;  ///< Part of what decides the numbers; see ShardedTraining.
  /// The ranks that train together, with as many shards; null = this one
  /// alone, which computes all. Borrowed.
  cluster::Group* group = nullptr;
  /// How long a rank waits for the others in one step, or to begin. They only
  /// differ by how fast they compute.
  double timeout_seconds = 120;
};

/// Trains one head. `progress` gets the share of epochs done and returns true
/// to stop (kInterrupted). kFailed with epoch, step and learning rate when a
/// loss is not finite; kInvalid when the settings ask for what the data do
/// not hold. A pure function of its arguments but for `progress`.
///
/// In a group all members return the same weights and figures bit for bit, or
/// all return an error: the same for kFailed, and for kInterrupted as soon as
/// one is asked to stop; else the member that failed breaks the group, and the
/// others return kUnavailable. kInternal when members come to differ.
Result<FitResult> FitHead(const FitData& data, const HeadSettings& head,
                          const TrainSettings& train, std::uint64_t sweep_seed,
                          const FitKey& key,
                          const std::function<bool(double)>& progress,
                          const HeadKernels& kernels = BestHeadKernels(),
                          const FitShards& shards = {});

}  // namespace besom::stages
