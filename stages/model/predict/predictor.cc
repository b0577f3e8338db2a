#include "stages/model/predict/predictor.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <new>
#include <utility>

#include "pipeline/base/worker_threads.h"
#include "stages/data/decode.h"
#include "stages/data/resize.h"
#include "stages/model/head/trained_model.h"
#include "stages/model/preprocessing.h"
#include "stages/model/torch_script.h"

namespace besom::stages {
namespace {

/// The settings, parsed.
struct Recipe {
  EngineSpec engine;
  Preprocessing preprocessing;
  ResizeSettings resize;
  BitDepthRange range = BitDepthRange::kFull;
};

Result<Recipe> ReadRecipe(const PredictorSettings& settings) {
  const Json& model = settings.model;
  const Json& ingest = settings.ingest;
  Recipe recipe;
  recipe.engine.backbone = BackboneOf(model);
  BESOM_ASSIGN_OR_RETURN(const FeatureTap tap, TapOf(model));
  recipe.engine.taps = {tap};
  recipe.engine.precision = model.at("precision").get<std::string>();
  recipe.engine.engine = settings.engine;
  recipe.engine.size = recipe.resize.size = settings.size;
  if (settings.size < 1 || settings.size > kMaxResize)
    return InvalidError("ingest.image_size", "out of range");
  recipe.engine.threads = std::max(1, settings.threads);
  recipe.engine.random_seed = settings.seed;
  if (settings.weights != "random") {
    BESOM_ASSIGN_OR_RETURN(const Digest digest,
                           DigestOfFile(settings.weights_path));
    if (digest.Hex() != settings.weights)
      return InvalidError(settings.weights_path.string(),
                          "these are not the weights of the trial",
                          "put the file back that the sweep used");
    recipe.engine.weights = settings.weights_path;
  }
  BESOM_ASSIGN_OR_RETURN(recipe.preprocessing,
                         Preprocessing::FromJson(model.at("preprocessing")));
  BESOM_ASSIGN_OR_RETURN(
      recipe.resize.mode,
      ParseResizeMode(ingest.at("resize").get<std::string>()));
  BESOM_ASSIGN_OR_RETURN(
      recipe.resize.interpolation,
      ParseInterpolation(ingest.at("interpolation").get<std::string>()));
  BESOM_ASSIGN_OR_RETURN(
      recipe.range,
      ParseBitDepthRange(ingest.at("bit_depth_range").get<std::string>()));
  return recipe;
}

Status ReadWithMemory(const Recipe& recipe, const InputFiller& filler,
                      const Path& path, std::span<float> input) {
  BESOM_ASSIGN_OR_RETURN(const FileStat stat, StatFile(path));
  if (stat.size > kMaxFileBytes)
    return Status(
        StatusCode::kFailed, path.string(),
        fmt::format("{} bytes, the limit is {}", stat.size, kMaxFileBytes));
  BESOM_ASSIGN_OR_RETURN(const std::string file, ReadFile(path));
  BESOM_ASSIGN_OR_RETURN(
      const DecodedImage image,
      DecodeImage(std::as_bytes(std::span(file)), recipe.range,
                  LeastSidesFor(recipe.resize)));
  filler.Fill(ResizeImage(image, recipe.resize), image.channels, input);
  return Status::Ok();
}

Status ReadImage(const Recipe& recipe, const InputFiller& filler,
                 const Path& path, std::span<float> input) {
  try {
    return ReadWithMemory(recipe, filler, path, input);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kFailed, path.string(), "no memory to decode it");
  }
}

/// Goes through the images in lanes: each takes the next batch, reads it and
/// passes it through an engine of its own, so that reading never holds up
/// another lane's engine.
class Prediction {
 public:
  Prediction(const Recipe& recipe, const std::vector<Path>& images,
             const Engines& engines, const std::vector<TrainedModel>& models)
      : recipe_(recipe),
        filler_(recipe.preprocessing),
        images_(images),
        engines_(engines),
        models_(models),
        batch_(static_cast<std::size_t>(engines.front()->batch())),
        results_(images.size()) {
    for (std::size_t i = 0; i < images.size(); ++i)
      results_[i].path = images[i].string();
  }

  Result<std::vector<ImagePrediction>> Run(
      const std::function<bool(double)>& progress) {
    RunInThreads(static_cast<int>(engines_.size()), engines_.size(),
                 [&](std::size_t lane) { RunLane(*engines_[lane], progress); });
    if (!status_.ok()) return status_;
    return std::move(results_);
  }

 private:
  void RunLane(FeatureEngine& engine,
               const std::function<bool(double)>& progress) {
    std::vector<float> input(batch_ * engine.image_numbers());
    while (!ended_) {
      const std::size_t first = next_.fetch_add(batch_);
      if (first >= images_.size()) return;
      const std::size_t count = std::min(batch_, images_.size() - first);
      Status status;
      try {
        status = ClassifyBatch(engine, input, first, count);
      } catch (const std::bad_alloc&) {
        status = Status(StatusCode::kOutOfMemory, "predict",
                        "no memory for a batch of images");
      }
      const std::lock_guard lock(mutex_);
      done_ += count;
      if (status.ok() && progress &&
          progress(static_cast<double>(done_) /
                   static_cast<double>(images_.size())))
        status = Status(StatusCode::kInterrupted, "predict", "asked to stop");
      if (status.ok()) continue;
      if (status_.ok()) status_ = status;
      ended_ = true;
    }
  }

  Status ClassifyBatch(FeatureEngine& engine, std::vector<float>& input,
                       std::size_t first, std::size_t count) {
    const std::size_t numbers = engine.image_numbers();
    std::vector<Status> statuses;
    for (std::size_t i = 0; i < count; ++i) {
      const auto place = std::span(input).subspan(i * numbers, numbers);
      statuses.push_back(
          ReadImage(recipe_, filler_, images_[first + i], place));
      if (!statuses.back().ok()) std::ranges::fill(place, 0.0F);
    }
    const auto width = static_cast<std::size_t>(engine.dimension());
    std::vector<float> features(count * width);
    BESOM_RETURN_IF_ERROR(
        engine.Extract(static_cast<int>(count), input, features));
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < count; ++i)
      rows.push_back(features.data() + i * width);
    BESOM_ASSIGN_OR_RETURN(const auto probabilities, MeanOfFits(rows));
    for (std::size_t i = 0; i < count; ++i) {
      ImagePrediction& result = results_[first + i];
      if (statuses[i].ok())
        result.probabilities = probabilities[i];
      else
        result.error = statuses[i].cause();
    }
    return Status::Ok();
  }

  Result<std::vector<std::vector<double>>> MeanOfFits(
      const std::vector<const float*>& rows) {
    // A trained base computes with all threads: one lane at a time.
    const std::lock_guard lock(models_mutex_);
    std::vector<std::vector<double>> mean(rows.size());
    for (const TrainedModel& model : models_) {
      BESOM_ASSIGN_OR_RETURN(std::vector<HeadOutput> outputs,
                             model.Evaluate(rows));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        std::vector<double>& one = outputs[i].probabilities;
        if (mean[i].empty())
          mean[i] = std::move(one);
        else
          std::ranges::transform(mean[i], one, mean[i].begin(), std::plus());
      }
    }
    for (std::vector<double>& image : mean)
      for (double& p : image) p /= static_cast<double>(models_.size());
    return mean;
  }

  const Recipe& recipe_;
  const InputFiller filler_;
  const std::vector<Path>& images_;
  const Engines& engines_;
  const std::vector<TrainedModel>& models_;
  const std::size_t batch_;
  std::vector<ImagePrediction> results_;  // Each written by one lane.
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> ended_{false};
  std::mutex models_mutex_;
  std::mutex mutex_;  // Guards the rest while lanes run.
  std::size_t done_ = 0;
  Status status_;
};

Result<Recipe> ParseRecipe(const PredictorSettings& settings) {
  try {
    return ReadRecipe(settings);
  } catch (const Json::exception& error) {
    return InternalError("predict", error.what());
  }
}

}  // namespace

Result<std::vector<ImagePrediction>> Predict(
    const PredictorSettings& settings, const std::vector<Path>& images,
    const std::function<bool(double)>& progress,
    const LaneFactory& make_engines, const TrainedBaseFactory& make_base) {
  BESOM_ASSIGN_OR_RETURN(const Recipe recipe, ParseRecipe(settings));
  std::vector<TrainedModel> models;
  for (const std::string& blob : settings.heads) {
    BESOM_ASSIGN_OR_RETURN(HeadModel head,
                           HeadModel::FromBlob(Artifact::FromBytes(blob)));
    BESOM_ASSIGN_OR_RETURN(
        TrainedModel model,
        TrainedModel::Make(std::move(head), settings.model, recipe.engine.size,
                           recipe.engine.threads, make_base));
    models.push_back(std::move(model));
  }
  EngineSpec lane = recipe.engine;
  lane.threads = 1;
  BESOM_ASSIGN_OR_RETURN(const Engines engines,
                         make_engines(lane, recipe.engine.threads));
  for (const TrainedModel& model : models)
    if (engines.front()->dimension() != model.dimension())
      return CorruptError("predict", "the head does not fit the base");
  if (images.empty()) return std::vector<ImagePrediction>();
  return Prediction(recipe, images, engines, models).Run(progress);
}

}  // namespace besom::stages
