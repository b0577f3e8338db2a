#include "stages/model/predict/predictor.h"

#include <algorithm>
#include <future>
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

/// Goes through the images batch by batch, reading one batch ahead.
class Prediction {
 public:
  Prediction(const Recipe& recipe, const std::vector<Path>& images,
             FeatureEngine& engine, const TrainedModel& model)
      : recipe_(recipe),
        filler_(recipe.preprocessing),
        images_(images),
        engine_(engine),
        model_(model),
        batch_(static_cast<std::size_t>(engine.batch())),
        results_(images.size()) {
    for (std::size_t i = 0; i < images.size(); ++i)
      results_[i].path = images[i].string();
  }

  Result<std::vector<ImagePrediction>> Run(
      const std::function<bool(double)>& progress) {
    std::future<Batch> ready = ReadAhead(0);
    for (std::size_t first = 0; first < images_.size(); first += batch_) {
      const Batch batch = ready.get();
      if (first + batch_ < images_.size()) ready = ReadAhead(first + batch_);
      BESOM_RETURN_IF_ERROR(Classify(batch, first));
      const std::size_t done = std::min(first + batch_, images_.size());
      if (progress && progress(static_cast<double>(done) /
                               static_cast<double>(images_.size())))
        return Status(StatusCode::kInterrupted, "predict", "asked to stop");
    }
    return std::move(results_);
  }

 private:
  struct Batch {
    std::vector<float> input;  ///< batch_ images; unread ones are 0.
    std::vector<Status> statuses;
  };

  std::future<Batch> ReadAhead(std::size_t first) {
    return std::async(std::launch::async,
                      [this, first] { return ReadBatch(first); });
  }

  Batch ReadBatch(std::size_t first) const {
    const std::size_t count = std::min(batch_, images_.size() - first);
    const std::size_t numbers = engine_.image_numbers();
    Batch batch{std::vector<float>(batch_ * numbers, 0.0F),
                std::vector<Status>(count)};
    WorkerThreads(recipe_.engine.threads).Run(count, [&](std::size_t i) {
      batch.statuses[i] =
          ReadImage(recipe_, filler_, images_[first + i],
                    std::span(batch.input).subspan(i * numbers, numbers));
    });
    return batch;
  }

  Status Classify(const Batch& batch, std::size_t first) {
    const std::size_t count = batch.statuses.size();
    const auto width = static_cast<std::size_t>(engine_.dimension());
    std::vector<float> features(count * width);
    BESOM_RETURN_IF_ERROR(
        engine_.Extract(static_cast<int>(count), batch.input, features));
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < count; ++i)
      rows.push_back(features.data() + i * width);
    BESOM_ASSIGN_OR_RETURN(std::vector<HeadOutput> outputs,
                           model_.Evaluate(rows));
    for (std::size_t i = 0; i < count; ++i) {
      ImagePrediction& result = results_[first + i];
      if (batch.statuses[i].ok())
        result.probabilities = std::move(outputs[i].probabilities);
      else
        result.error = batch.statuses[i].cause();
    }
    return Status::Ok();
  }

  const Recipe& recipe_;
  const InputFiller filler_;
  const std::vector<Path>& images_;
  FeatureEngine& engine_;
  const TrainedModel& model_;
  const std::size_t batch_;
  std::vector<ImagePrediction> results_;
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
    const EngineFactory& make_engine, const TrainedBaseFactory& make_base) {
  BESOM_ASSIGN_OR_RETURN(const Recipe recipe, ParseRecipe(settings));
  BESOM_ASSIGN_OR_RETURN(
      HeadModel head, HeadModel::FromBlob(Artifact::FromBytes(settings.head)));
  BESOM_ASSIGN_OR_RETURN(
      const TrainedModel model,
      TrainedModel::Make(std::move(head), settings.model, recipe.engine.size,
                         recipe.engine.threads, make_base));
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<FeatureEngine> engine,
                         make_engine(recipe.engine));
  if (engine->dimension() != model.dimension())
    return CorruptError("predict", "the head does not fit the base");
  if (images.empty()) return std::vector<ImagePrediction>();
  return Prediction(recipe, images, *engine, model).Run(progress);
}

}  // namespace besom::stages
