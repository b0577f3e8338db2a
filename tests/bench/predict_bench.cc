// Images per second of `predict` beside its engine alone, in one process.
//   predict_bench BACKBONE THREADS REPEATS < names of image files, one a line
// Prints one line of JSON a repeat: the engine's lanes over inputs that lie
// ready in memory, and the whole way from files to probabilities, both from the
// moment in which the engines are there; images per second and the processor
// seconds that they took, which other programs disturb less. Random weights, a
// head of three classes. Fails when the probabilities are not those of the
// engine's rows.
#include <fmt/format.h>
#include <time.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/base/json.h"
#include "pipeline/base/random.h"
#include "pipeline/base/worker_threads.h"
#include "stages/data/decode.h"
#include "stages/data/resize.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/head/head_model.h"
#include "stages/model/predict/predictor.h"

namespace besom::stages {
namespace {

constexpr int kClasses = 3;
constexpr int kTile = 16;  // Widths of heads are padded to it.

std::string RandomHead(int dimension) {
  KeyedRandom random(1, "head");
  HeadLayer layer{
      dimension, kClasses,
      std::vector<float>(static_cast<std::size_t>(dimension) * kTile),
      std::vector<float>(kTile)};
  for (std::size_t i = 0; i < layer.weights.size(); ++i)
    if (i % kTile < kClasses)
      layer.weights[i] = static_cast<float>(random.Uniform(-0.1, 0.1));
  return HeadModel({layer}, {{"classes", {"a", "b", "c"}}}).ToBlob();
}

PredictorSettings SettingsFor(const Backbone& backbone, const std::string& name,
                              int threads) {
  PredictorSettings settings;
  settings.model = {{"backbone", name},
                    {"cut", "full"},
                    {"pooling", "average"},
                    {"precision", "fp32"},
                    {"preprocessing", "unit"}};
  settings.ingest = {{"resize", "stretch"},
                     {"interpolation", "bilinear"},
                     {"bit_depth_range", "full"}};
  settings.size = backbone.input_size;
  settings.weights = "random";
  settings.engine = "openvino";
  settings.threads = threads;
  return settings;
}

/// All images as the engine takes them, in whole batches.
Result<std::vector<std::vector<float>>> ReadInputs(
    const std::vector<Path>& files, int size, std::size_t batch) {
  const ResizeSettings resize{.size = size};
  const std::size_t numbers = static_cast<std::size_t>(size) * size * 3;
  BESOM_ASSIGN_OR_RETURN(const Preprocessing preprocessing,
                         Preprocessing::FromJson("unit"));
  const InputFiller filler(preprocessing);
  std::vector<std::vector<float>> inputs;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i % batch == 0) inputs.emplace_back(batch * numbers);
    BESOM_ASSIGN_OR_RETURN(const std::string file, ReadFile(files[i]));
    BESOM_ASSIGN_OR_RETURN(
        const DecodedImage image,
        DecodeImage(std::as_bytes(std::span(file)), BitDepthRange::kFull,
                    LeastSidesFor(resize)));
    filler.Fill(ResizeImage(image, resize), image.channels,
                std::span(inputs.back()).subspan(i % batch * numbers, numbers));
  }
  return inputs;
}

class Bench {
 public:
  Bench(PredictorSettings settings, std::vector<Path> files, Engines engines)
      : settings_(std::move(settings)),
        files_(std::move(files)),
        engines_(std::move(engines)) {}

  Status Prepare() {
    settings_.heads = {RandomHead(engines_.front()->dimension())};
    const auto batch = static_cast<std::size_t>(engines_.front()->batch());
    BESOM_ASSIGN_OR_RETURN(inputs_, ReadInputs(files_, settings_.size, batch));
    rows_.resize(files_.size() *
                 static_cast<std::size_t>(engines_.front()->dimension()));
    RunEngine();  // Warm.
    return CheckRows();
  }

  /// What a way of going through all images took.
  struct Cost {
    double rate = 0;  ///< Images per second.
    double cpu = 0;   ///< Processor seconds, of all threads.
  };

  Cost RunEngine() {
    const auto batch = static_cast<std::size_t>(engines_.front()->batch());
    const auto width = static_cast<std::size_t>(engines_.front()->dimension());
    const Start start = Now();
    std::atomic<std::size_t> next{0};
    RunInThreads(settings_.threads, engines_.size(), [&](std::size_t lane) {
      for (std::size_t i; (i = next++) < inputs_.size();) {
        const std::size_t count = std::min(batch, files_.size() - i * batch);
        const Status status = engines_[lane]->Extract(
            static_cast<int>(count), inputs_[i],
            std::span(rows_).subspan(i * batch * width, count * width));
        if (!status.ok()) std::abort();
      }
    });
    return CostSince(start);
  }

  Result<Cost> RunPredict() {
    Start start;
    BESOM_ASSIGN_OR_RETURN(
        const auto images,
        Predict(settings_, files_, {}, [&](const EngineSpec& spec, int lanes) {
          auto engines = MakeFeatureEngines(spec, lanes);
          start = Now();
          return engines;
        }));
    const Cost cost = CostSince(start);
    predicted_ = images;
    return cost;
  }

 private:
  struct Start {
    double wall = 0, cpu = 0;
  };

  Start Now() const {
    timespec cpu{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return {clock_.Monotonic(), static_cast<double>(cpu.tv_sec) +
                                    1e-9 * static_cast<double>(cpu.tv_nsec)};
  }

  Cost CostSince(const Start& start) const {
    const Start now = Now();
    return {static_cast<double>(files_.size()) / (now.wall - start.wall),
            now.cpu - start.cpu};
  }

  /// kFailed when `predict` says something else than the rows.
  Status CheckRows() {
    BESOM_RETURN_IF_ERROR(RunPredict().status());
    BESOM_ASSIGN_OR_RETURN(
        const HeadModel head,
        HeadModel::FromBlob(Artifact::FromBytes(settings_.heads.front())));
    const auto width = static_cast<std::size_t>(head.dimension());
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < files_.size(); ++i)
      rows.push_back(rows_.data() + i * width);
    const std::vector<HeadOutput> wanted = head.Evaluate(rows);
    for (std::size_t i = 0; i < files_.size(); ++i)
      if (predicted_[i].probabilities != wanted[i].probabilities)
        return Status(StatusCode::kFailed, files_[i].string(),
                      "predict says something else than its engine");
    return Status::Ok();
  }

  const SystemClock clock_;
  PredictorSettings settings_;
  const std::vector<Path> files_;
  const Engines engines_;
  std::vector<std::vector<float>> inputs_;
  std::vector<float> rows_;
  std::vector<ImagePrediction> predicted_;
};

Status Run(const std::string& name, int threads, int repeats) {
  BESOM_ASSIGN_OR_RETURN(const Backbone backbone, DescribeBackbone(name));
  std::vector<Path> files;
  for (std::string line; std::getline(std::cin, line);) files.push_back(line);
  if (files.empty()) return InvalidError("predict_bench", "no files");
  BESOM_ASSIGN_OR_RETURN(Engines engines,
                         MakeFeatureEngines({.backbone = name,
                                             .precision = "fp32",
                                             .engine = "openvino",
                                             .size = backbone.input_size,
                                             .threads = 1},
                                            threads));
  Bench bench(SettingsFor(backbone, name, threads), std::move(files),
              std::move(engines));
  BESOM_RETURN_IF_ERROR(bench.Prepare());
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const Bench::Cost engine = bench.RunEngine();
    BESOM_ASSIGN_OR_RETURN(const Bench::Cost predict, bench.RunPredict());
    fmt::print("{}\n", Json{{"engine", engine.rate},
                            {"engine_cpu", engine.cpu},
                            {"predict", predict.rate},
                            {"predict_cpu", predict.cpu}}
                           .dump());
    std::fflush(stdout);
  }
  return Status::Ok();
}

}  // namespace
}  // namespace besom::stages

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 3) {
    fmt::print(stderr,
               "usage: predict_bench BACKBONE THREADS REPEATS < FILES\n");
    return 2;
  }
  const besom::Status status =
      besom::stages::Run(args[0], std::stoi(args[1]), std::stoi(args[2]));
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return besom::ExitCodeOf(status);
}
