#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/metric/prediction_table.h"
#include "stages/model/feature_engine.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// A whole trained model, from file to class.
struct PredictorSettings {
  Json model;              ///< The `model` section of the trial.
  Json ingest;             ///< resize, interpolation, bit_depth_range.
  int size = 224;          ///< Side of the square that the base sees, pixels.
  std::string weights;     ///< Hex digest of the base's weights, or "random".
  Path weights_path;       ///< The .safetensors file with these weights.
  std::uint64_t seed = 0;  ///< Of random weights.
  /// The fine_tune stage's "weights" blobs, one for each fit: not empty.
  std::vector<std::string> heads;
  std::string engine = "libtorch";  ///< As EngineSpec's.
  int threads = 1;
};

/// As MakeFeatureEngines: equal engines that compute side by side.
using LaneFactory = std::function<Result<Engines>(const EngineSpec&, int)>;

/// Classifies image files with the base and heads of a trial; the
/// probabilities are the mean over its fits. The results are parallel to
/// `images`; one that cannot be read has its error set. Anything else that
/// fails is a status. Of a single fit the probabilities are those that the
/// evaluate stage gives the same image, where `engine` is the one of the
/// trial's numerics tag. `model.preprocessing` must be resolved (not
/// "weights"). `progress` as in StageInput. Any number of threads gives the
/// same bits.
Result<std::vector<ImagePrediction>> Predict(
    const PredictorSettings& settings, const std::vector<Path>& images,
    const std::function<bool(double)>& progress,
    const LaneFactory& make_engines = MakeFeatureEngines,
    const TrainedBaseFactory& make_base = MakeTrainedBase);

}  // namespace besom::stages
