#include "tests/stages/head/parity_fit.h"

#include <cmath>
#include <utility>
#include <vector>

#include "cluster/self_group.h"
#include "pipeline/base/check.h"
#include "pipeline/base/random.h"
#include "stages/model/head/epoch_draws.h"
#include "stages/model/head/fit_run.h"
#include "stages/model/head/head_training.h"
#include "stages/model/head/mixup.h"
#include "stages/model/head/sharded_training.h"
#include "stages/model/head/unfrozen_training.h"

namespace besom::stages {
namespace {

constexpr std::uint64_t kSweepSeed = 11;

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

// Passes everything on and notes down what the steps were told and said.
class NotedTrainer final : public FitTrainer {
 public:
  NotedTrainer(std::unique_ptr<FitTrainer> trainer, const HeadToFit& head,
               Json& steps)
      : trainer_(std::move(trainer)), head_(head), steps_(steps) {}

  Result<StepFigures> Step(const FitStep& step) override {
    Result<StepFigures> figures = trainer_->Step(step);
    Json& note = steps_.emplace_back();
    note["masks"] = std::vector(step.masks.begin(), step.masks.end());
    note["learning_rate"] = step.learning_rate;
    note["loss"] = figures->loss;
    note["gradient_norm"] = figures->gradient_norm;
    if (head_.train.mixup > 0) {
      const Mixture mixture =
          DrawMixture(head_.train.mixup, head_.key, step.epoch, step.step,
                      step.rows.size());
      note["partners"] = mixture.partners;
      note["share"] = mixture.share;
    }
    return figures;
  }
  Result<std::vector<float>> Logits(
      std::span<const float* const> rows) override {
    return trainer_->Logits(rows);
  }
  FitWeights Weights() const override { return trainer_->Weights(); }
  TrainerState State() const override { return trainer_->State(); }
  Status Restore(const TrainerState& state) override {
    return trainer_->Restore(state);
  }

 private:
  std::unique_ptr<FitTrainer> trainer_;
  const HeadToFit& head_;
  Json& steps_;
};

// Images of one set: what a ReLU would leave, and labels that have to do with
// it, so that there is something to learn, and never all of it: Adam's steps by
// gradients of nothing but rounding would be as large as any.
struct Images {
  std::vector<float> data;
  std::vector<const float*> rows;
  std::vector<int> labels;

  Images(const char* name, int inputs, const Json& config) {
    const int classes = config.at("classes");
    const int count = config.at(name);
    KeyedRandom random(config.at("data"), name);
    const double apart = 3 / std::sqrt(inputs);
    for (int i = 0; i < count; ++i) {
      labels.push_back(static_cast<int>(random.Below(classes)));
      for (int k = 0; k < inputs; ++k) {
        const double shift = k % classes == labels.back() ? apart : 0.0;
        data.push_back(
            static_cast<float>(std::max(0.0, random.Normal() + shift)));
      }
    }
    for (int i = 0; i < count; ++i)
      rows.push_back(data.data() + static_cast<std::size_t>(i) * inputs);
  }
  Json ToJson() const { return {{"rows", data}, {"labels", labels}}; }
};

HeadToFit HeadOf(const Json& config) {
  HeadToFit head;
  config.at("hidden").get_to(head.head.hidden);
  config.at("dropout").get_to(head.head.dropout);
  head.head.init =
      config.at("head_init") == "torch" ? HeadInit::kTorch : HeadInit::kGlorot;
  head.train = TrainSettings::FromJson(config.at("train")).value();
  head.key = {7, 0, 0};
  return head;
}

std::unique_ptr<FitTrainer> TrainerOf(HeadWeights start,
                                      std::unique_ptr<TrainedBase> base,
                                      const TrainSettings& settings,
                                      cluster::SelfGroup& group) {
  if (base != nullptr)
    return UnfrozenTraining::Make(std::move(start), std::move(base), settings,
                                  BestHeadKernels(), group,
                                  /*timeout_seconds=*/1)
        .value();
  if (group.shards() == 1)
    return std::make_unique<HeadTraining>(std::move(start), settings,
                                          BestHeadKernels());
  return ShardedTraining::Make(std::move(start), settings, BestHeadKernels(),
                               group, /*timeout_seconds=*/1)
      .value();
}

}  // namespace

Json FitForParity(const Json& config, std::unique_ptr<TrainedBase> base) {
  const int inputs =
      base == nullptr ? config.at("inputs").get<int>() : base->map_numbers();
  const int classes = config.at("classes");
  const HeadToFit head = HeadOf(config);
  const Images train("images", inputs, config);
  const Images validation("validation", inputs, config);
  FitData data;
  for (int c = 0; c < classes; ++c) data.classes.push_back(std::to_string(c));
  data.dimension = inputs;
  data.train_labels = train.labels;
  data.validation_labels = validation.labels;
  data.validation_rows = validation.rows;
  HeadWeights start =
      InitialWeights(base == nullptr ? inputs : base->dimension(),
                     head.head.hidden, classes, head.head.init, head.key);
  Json result{{"start", LayersToJson(start)},
              {"images", train.ToJson()},
              {"validation", validation.ToJson()},
              {"epochs", Json::array()},
              {"steps", Json::array()}};
  cluster::SelfGroup group(config.at("shards"));
  if (base != nullptr)
    for (const BaseTensor& tensor : base->tensors())
      result["base"].push_back({{"name", tensor.parameter.name},
                                {"learned", tensor.learned},
                                {"values", std::vector(tensor.values.begin(),
                                                       tensor.values.end())}});
  FitRun run(
      data, head, BestHeadKernels(),
      std::make_unique<NotedTrainer>(
          TrainerOf(std::move(start), std::move(base), head.train, group), head,
          result["steps"]));
  while (run.running()) {
    const std::vector<std::size_t> order = EpochOrder(
        data.train_labels, head.train, kSweepSeed, head.key, run.epoch());
    BESOM_CHECK(run.TrainUntil(order.size(), train.rows, order).ok(), "failed");
    const EpochFigures figures = run.EndEpoch().value();
    result["epochs"].push_back({{"order", order}, {"loss", *figures.loss}});
  }
  const FitResult fit = run.Finish();
  result["chosen_epoch"] = fit.chosen_epoch;
  result["end"] = LayersToJson(fit.weights.head);
  for (const NamedTensor& tensor : fit.weights.base)
    result["end_base"].push_back(
        {{"name", tensor.parameter.name}, {"values", tensor.values}});
  return result;
}

}  // namespace besom::stages
