#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "db/trial_model.h"
#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/export/exported_model.h"
#include "stages/model/preprocessing.h"
#include "stages/model/weights_store.h"

namespace besom::cli {

/// The one network that stands for a trial's fits (LoadRefittedTrial).
struct Refit {
  int epochs = 0;          ///< That it was trained for.
  std::size_t images = 0;  ///< That it was trained on.
  std::string weights;     ///< Hex digest of its "weights" blob.
};

/// A finished trial with all that is needed to build its network.
struct TrainedTrial {
  db::TrialModel record;
  stages::WeightsInfo weights;  ///< What the base is made from.
  stages::Preprocessing preprocessing;
  int size = 0;                    ///< Side of the images, pixels.
  std::vector<std::string> heads;  ///< "weights" blobs, one per fit, or one
  std::optional<Refit> refit;      ///< of a network trained anew.

  const Json& config() const { return record.config; }
  std::vector<std::string> classes() const;
  /// "fp32" or "bf16": what the base's features were computed in.
  std::string Precision() const;
  /// The engine that computed its features; of those of a GPU, the one that is
  /// preferred here.
  std::string Engine() const;
  /// What its base is made of.
  stages::ModelParts Parts() const;
};

/// As FindTrialModel; without heads.
Result<TrainedTrial> FindTrainedTrial(const Path& workspace,
                                      const std::string& sweep,
                                      const std::string& trial);

/// With the heads of its fits: as FindTrialModel, and NoModelError when a blob
/// is gone.
Result<TrainedTrial> LoadTrainedTrial(const Path& workspace,
                                      const std::string& sweep,
                                      const std::string& trial);

}  // namespace besom::cli
