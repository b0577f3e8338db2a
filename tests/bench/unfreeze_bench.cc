// Seconds of a training step of an unfrozen block, beside LibTorch's own
// forward and backward of that block alone, in one process.
//   unfreeze_bench BACKBONE BLOCK BATCH THREADS REPEATS
// Prints one line of JSON a repeat: "step", all that a step of ours takes (the
// block, its head, the optimiser); "libtorch", the block's forward and backward
// on the whole batch by as many threads. Random weights. Fails when gradients
// differ.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "cluster/self_group.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/json.h"
#include "pipeline/base/random.h"
#include "stages/model/compute_thread.h"
#include "stages/model/head/unfrozen_training.h"
#include "stages/model/pooling.h"
#include "stages/model/trainable_network.h"

namespace besom::stages {
namespace {

constexpr int kClasses = 3;

std::vector<float> Random(std::size_t count, std::uint64_t number) {
  KeyedRandom random(1, "numbers", {number});
  std::vector<float> numbers(count);
  for (float& value : numbers) value = static_cast<float>(random.Uniform(0, 1));
  return numbers;
}

/// The block as somebody would write it who uses LibTorch.
class PlainBlock {
 public:
  PlainBlock(const TrainedBaseSpec& spec, const TrainedBase& base, int batch)
      : threads_(spec.threads),
        batch_norm_(spec.batch_norm),
        network_(Make(spec)) {
    const Backbone backbone = DescribeBackbone(spec.backbone).value();
    const FeatureTap edge =
        EdgeOf(backbone, spec.unfreeze, spec.tap.cut).value();
    const int layer = TapLayer(backbone, edge.cut, edge.pooling).value();
    const MapShape map =
        MapAt(LayerShapes(backbone, spec.size).value(), layer, spec.size);
    shape_ = {batch, map.channels, map.height, map.width};
    for (const BaseTensor& tensor : base.tensors()) {
      tensors_.push_back(at::from_blob(tensor.values.data(),
                                       tensor.parameter.shape,
                                       at::TensorOptions().dtype(at::kFloat))
                             .clone());
      if (!tensor.learned) continue;
      tensors_.back().set_requires_grad(true);
      leaves_.push_back(tensors_.back());
    }
  }

  /// The gradients by the learned tensors of the features' products with
  /// `by_features`.
  std::vector<at::Tensor> Step(std::vector<float>& maps,
                               std::vector<float>& by_features) const {
    PrepareComputeThread(threads_);
    const auto options = at::TensorOptions().dtype(at::kFloat);
    const at::Tensor input = at::from_blob(maps.data(), shape_, options)
                                 .contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor features =
        at::mean(network_.Forward(input, tensors_, batch_norm_, true), {2, 3});
    return torch::autograd::grad(
        {features}, leaves_,
        {at::from_blob(by_features.data(), features.sizes(), options)});
  }

 private:
  static TrainableNetwork Make(const TrainedBaseSpec& spec) {
    Backbone backbone = DescribeBackbone(spec.backbone).value();
    const FeatureTap edge =
        EdgeOf(backbone, spec.unfreeze, spec.tap.cut).value();
    const int first = TapLayer(backbone, edge.cut, edge.pooling).value();
    const int last = TapLayer(backbone, spec.tap.cut, spec.tap.pooling).value();
    return {std::move(backbone), first, last};
  }

  const int threads_;
  const BatchNormMode batch_norm_;
  const TrainableNetwork network_;
  std::vector<std::int64_t> shape_;
  std::vector<at::Tensor> tensors_, leaves_;
};

Status CheckGradients(TrainedBase& base, const PlainBlock& plain,
                      const std::vector<const float*>& rows,
                      std::vector<float>& maps) {
  std::vector<float> features(rows.size() *
                              static_cast<std::size_t>(base.dimension()));
  std::vector<float> by_features = Random(features.size(), 7);
  std::vector<float> gradients(base.learned_numbers());
  BESOM_RETURN_IF_ERROR(base.Forward(0, rows, features));
  BESOM_RETURN_IF_ERROR(base.Backward(0, by_features, gradients));
  auto ours = gradients.begin();
  for (const at::Tensor& tensor : plain.Step(maps, by_features)) {
    const at::Tensor flat = tensor.contiguous();
    const float* theirs = flat.const_data_ptr<float>();
    // Norms: a unit near 0 that rounding turns on changes single numbers much.
    double length = 0, apart = 0;
    for (std::int64_t i = 0; i < flat.numel(); ++i, ++ours) {
      length += double{theirs[i]} * theirs[i];
      apart += std::pow(double{theirs[i]} - *ours, 2);
    }
    if (!(std::sqrt(apart) <= 1e-3 * std::sqrt(length)))
      return Status(StatusCode::kFailed, "unfreeze_bench",
                    fmt::format("our gradients are not LibTorch's: {} apart "
                                "of {}",
                                std::sqrt(apart), std::sqrt(length)));
  }
  return Status::Ok();
}

Status Run(const std::vector<std::string>& args) {
  const int batch = std::stoi(args[2]), repeats = std::stoi(args[4]);
  const Backbone backbone = DescribeBackbone(args[0]).value();
  const TrainedBaseSpec spec{.backbone = args[0],
                             .unfreeze = args[1],
                             .size = backbone.input_size,
                             .threads = std::stoi(args[3])};
  BESOM_ASSIGN_OR_RETURN(std::unique_ptr<TrainedBase> base,
                         MakeTrainedBase(spec));
  const PlainBlock plain(spec, *base, batch);
  const auto numbers = static_cast<std::size_t>(base->map_numbers());
  std::vector<float> maps =
      Random(numbers * static_cast<std::size_t>(batch), 1);
  std::vector<const float*> rows;
  std::vector<int> labels;
  for (int i = 0; i < batch; ++i) {
    rows.push_back(maps.data() + static_cast<std::size_t>(i) * numbers);
    labels.push_back(i % kClasses);
  }
  BESOM_RETURN_IF_ERROR(CheckGradients(*base, plain, rows, maps));
  const auto dimension = static_cast<std::size_t>(base->dimension());
  std::vector<float> by_features =
      Random(dimension * static_cast<std::size_t>(batch), 7);
  const TrainSettings settings;
  const LossSettings loss{std::vector<double>(kClasses, 1.0)};
  cluster::SelfGroup group(1);
  BESOM_ASSIGN_OR_RETURN(
      const std::unique_ptr<UnfrozenTraining> training,
      UnfrozenTraining::Make(InitialWeights(static_cast<int>(dimension), {64},
                                            kClasses, HeadInit::kTorch, {}),
                             std::move(base), settings, BestHeadKernels(),
                             group, 60));
  const SystemClock clock;
  for (int repeat = -1; repeat < repeats; ++repeat) {
    const double start = clock.Monotonic();
    BESOM_RETURN_IF_ERROR(training
                              ->Step({.rows = rows,
                                      .targets = {labels},
                                      .loss = loss,
                                      .masks = {},
                                      .learning_rate = 1e-3})
                              .status());
    const double between = clock.Monotonic();
    plain.Step(maps, by_features);
    const double end = clock.Monotonic();
    if (repeat < 0) continue;  // Warm.
    fmt::print(
        "{}\n",
        Json({{"step", between - start}, {"libtorch", end - between}}).dump());
  }
  return Status::Ok();
}

}  // namespace
}  // namespace besom::stages

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 5) {
    fmt::print(stderr,
               "usage: unfreeze_bench BACKBONE BLOCK BATCH THREADS REPEATS\n");
    return 2;
  }
  const besom::Status status = besom::stages::Run(args);
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return besom::ExitCodeOf(status);
}
