#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/head/fit_trainer.h"
#include "stages/model/head/head_settings.h"

namespace besom::stages {

class Checkpoint;

/// The images of one fit, as rows of what its trainer takes.
struct FitData {
  std::vector<std::string> classes;
  int dimension = 0;              ///< Length of a row.
  std::vector<int> train_labels;  ///< Class indices, in the order of scan.
  /// The rows that the training images show in an epoch (from 0), parallel to
  /// train_labels. They live until those of another epoch are asked for.
  std::function<Result<std::vector<const float*>>(int epoch)> train_rows;
  std::vector<int> validation_labels;
  std::vector<const float*> validation_rows;  ///< View 0.
};

/// What is trained on them.
struct HeadToFit {
  HeadSettings head;
  TrainSettings train;
  FitKey key;
  /// Where the fit says how far it is; null = nowhere. Borrowed.
  Checkpoint* checkpoint = nullptr;
};

struct EpochFigures {
  double train_loss = 0;  ///< Mean of the batches' losses as trained.
  /// Of the validation images, unweighted; none without such images.
  std::optional<double> loss, accuracy, balanced_accuracy;
};

struct FitResult {
  FitWeights weights;  ///< Of the chosen epoch.
  int chosen_epoch = 0;
  bool stopped_early = false;
  std::vector<double> class_weights;
  std::vector<EpochFigures> epochs;
  /// The epoch that this attempt began in, by a checkpoint; else none.
  std::optional<int> resumed_epoch;
};

}  // namespace besom::stages
