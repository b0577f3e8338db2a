// Trains a small head on drawn data as the JSON object on stdin says and
// prints all that went in and came out: what the parity test repeats in
// PyTorch. {inputs, hidden, classes, batch, steps, dropout, head_init,
//  optimizer, learning_rate, weight_decay, momentum, class_weights,
//  label_smoothing, shards?}
#include <cstdio>
#include <iostream>
#include <memory>

#include "cluster/self_group.h"
#include "pipeline/base/random.h"
#include "stages/model/head/epoch_draws.h"
#include "stages/model/head/head_training.h"
#include "stages/model/head/sharded_training.h"

namespace {

using besom::Json;
using namespace besom::stages;

Json LayersToJson(const HeadWeights& layers) {
  Json list = Json::array();
  for (const HeadLayer& layer : layers)
    list.push_back({{"inputs", layer.inputs},
                    {"outputs", layer.outputs},
                    {"padded", layer.padded()},
                    {"weights", layer.weights},
                    {"bias", layer.bias}});
  return list;
}

TrainSettings SettingsOf(const Json& config) {
  TrainSettings settings;
  const std::string name = config.at("optimizer").get<std::string>();
  settings.optimizer = name == "adam"    ? OptimizerKind::kAdam
                       : name == "adamw" ? OptimizerKind::kAdamW
                                         : OptimizerKind::kSgd;
  config.at("weight_decay").get_to(settings.weight_decay);
  config.at("momentum").get_to(settings.momentum);
  return settings;
}

std::unique_ptr<FitTrainer> TrainerOf(HeadWeights start,
                                      const TrainSettings& settings,
                                      besom::cluster::SelfGroup& group) {
  if (group.shards() == 1)
    return std::make_unique<HeadTraining>(std::move(start), settings,
                                          BestHeadKernels());
  return ShardedTraining::Make(std::move(start), settings, BestHeadKernels(),
                               group, /*timeout_seconds=*/1)
      .value();
}

Json RunSteps(const Json& config) {
  const int inputs = config.at("inputs"), batch = config.at("batch");
  const int classes = config.at("classes");
  const auto hidden = config.at("hidden").get<std::vector<int>>();
  const LossSettings loss{config.at("class_weights").get<std::vector<double>>(),
                          config.at("label_smoothing").get<double>()};
  const HeadInit init =
      config.at("head_init") == "torch" ? HeadInit::kTorch : HeadInit::kGlorot;
  HeadWeights start = InitialWeights(inputs, hidden, classes, init, {7, 0, 0});
  Json result{{"start", LayersToJson(start)}, {"steps", Json::array()}};
  besom::cluster::SelfGroup group(config.value("shards", 1));
  const std::unique_ptr<FitTrainer> training =
      TrainerOf(std::move(start), SettingsOf(config), group);
  for (int step = 0; step < config.at("steps").get<int>(); ++step) {
    besom::KeyedRandom random(3, "data", {static_cast<std::uint64_t>(step)});
    std::vector<float> data;
    std::vector<int> labels;
    std::vector<const float*> rows;
    for (int i = 0; i < batch * inputs; ++i)
      data.push_back(static_cast<float>(std::max(0.0, random.Normal())));
    for (int b = 0; b < batch; ++b) {
      rows.push_back(data.data() + static_cast<std::size_t>(b) * inputs);
      labels.push_back(static_cast<int>(random.Below(classes)));
    }
    const auto masks = DropoutMasks(hidden, config.at("dropout"), {7, 0, 0}, 0,
                                    step, batch, BestHeadKernels());
    const StepFigures figures =
        training
            ->Step({.rows = rows,
                    .targets = {labels},
                    .loss = loss,
                    .masks = masks,
                    .learning_rate = config.at("learning_rate").get<double>()})
            .value();
    result["steps"].push_back({{"data", data},
                               {"labels", labels},
                               {"masks", masks},
                               {"loss", figures.loss}});
  }
  result["end"] = LayersToJson(training->Weights().head);
  return result;
}

}  // namespace

int main() {
  const Json config = Json::parse(std::cin);
  std::puts(besom::CanonicalText(RunSteps(config)).c_str());
}
