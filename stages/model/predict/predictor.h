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
  std::string head;        ///< The fine_tune stage's "weights" blob.
  std::string engine = "libtorch";  ///< As EngineSpec's.
  int threads = 1;
};

using EngineFactory =
    std::function<Result<std::unique_ptr<FeatureEngine>>(const EngineSpec&)>;

/// Classifies image files with the base and head of a trial. An image that
/// cannot be read has its error set; anything else that fails is a status.
/// The probabilities are those that the evaluate stage gives the same image,
/// where `engine` is the one of the trial's numerics tag.
/// `model.preprocessing` must be resolved (not "weights"). `progress` as in
/// StageInput. Any number of threads gives the same bits.
Result<std::vector<ImagePrediction>> Predict(
    const PredictorSettings& settings, const std::vector<Path>& images,
    const std::function<bool(double)>& progress,
    const EngineFactory& make_engine = MakeFeatureEngine,
    const TrainedBaseFactory& make_base = MakeTrainedBase);

}  // namespace besom::stages
