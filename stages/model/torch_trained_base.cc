#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "pipeline/base/check.h"
#include "pipeline/base/worker_threads.h"
#include "stages/model/compute_thread.h"
#include "stages/model/folded_network.h"
#include "stages/model/pooling.h"
#include "stages/model/torch_error.h"
#include "stages/model/trainable_network.h"
#include "stages/model/trained_base.h"

namespace besom::stages {
namespace {

/// What is worked out from a spec before anything is made.
struct BasePlan {
  Backbone backbone;
  int edge = 0, last = 0;  ///< Layers.
  MapShape map;            ///< At the edge.
  Pooling pooling = Pooling::kAverage;
  int dimension = 0;
};

Result<BasePlan> PlanBase(const TrainedBaseSpec& spec) {
  BasePlan plan;
  BESOM_ASSIGN_OR_RETURN(plan.backbone, DescribeBackbone(spec.backbone));
  BESOM_ASSIGN_OR_RETURN(const FeatureTap edge,
                         EdgeOf(plan.backbone, spec.unfreeze, spec.tap.cut));
  BESOM_ASSIGN_OR_RETURN(plan.edge,
                         TapLayer(plan.backbone, edge.cut, edge.pooling));
  BESOM_ASSIGN_OR_RETURN(
      plan.last, TapLayer(plan.backbone, spec.tap.cut, spec.tap.pooling));
  BESOM_ASSIGN_OR_RETURN(plan.pooling, ParsePooling(spec.tap.pooling));
  BESOM_ASSIGN_OR_RETURN(const std::vector<MapShape> shapes,
                         LayerShapes(plan.backbone, spec.size));
  plan.map = MapAt(shapes, plan.edge, spec.size);
  BESOM_ASSIGN_OR_RETURN(
      plan.dimension,
      PooledDimension(plan.pooling, MapAt(shapes, plan.last, spec.size)));
  return plan;
}

at::Tensor Pooled(Pooling pooling, const at::Tensor& map) {
  switch (pooling) {
    case Pooling::kAverage:
      return at::mean(map, {2, 3});
    case Pooling::kMax:
      return at::flatten(std::get<0>(at::adaptive_max_pool2d(map, {1, 1})), 1);
    case Pooling::kAverage4:
      return at::flatten(at::avg_pool2d(map, 4, 4), 1);
    case Pooling::kFlatten:
    case Pooling::kEdge:
      return at::flatten(map, 1);
  }
  BESOM_CHECK(false, "a pooling without a function");
}

bool IsRunning(const Parameter& parameter) {
  return parameter.name.ends_with(".running_mean") ||
         parameter.name.ends_with(".running_var");
}

/// Adds what shards computed, whoever is ready first, in the order of shards.
class OrderedSums {
 public:
  /// Of `count` sums each.
  explicit OrderedSums(std::size_t count) : turns_(count, 0) {}

  /// Has `shard` add `numbers` to sum `index`, which is at `sum`.
  void Add(std::size_t shard, std::size_t index, const at::Tensor& numbers,
           float* sum) {
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [&] { return failed_ || turns_[index] == shard; });
    if (failed_) return;
    lock.unlock();
    const at::Tensor flat = numbers.contiguous();
    const float* added = flat.const_data_ptr<float>();
    const auto count = static_cast<std::size_t>(flat.numel());
    if (shard == 0) {
      std::copy_n(added, count, sum);
    } else {
      for (std::size_t i = 0; i < count; ++i) sum[i] += added[i];
    }
    lock.lock();
    turns_[index] = shard + 1;
    turn_.notify_all();
  }
  /// Nobody waits any more.
  void Fail() {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    turn_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable turn_;
  std::vector<std::size_t> turns_;  // The shard that adds next.
  bool failed_ = false;
};

class TorchTrainedBase final : public TrainedBase {
 public:
  TorchTrainedBase(const TrainedBaseSpec& spec, BasePlan plan,
                   TrainableNetwork network, std::vector<at::Tensor> numbers)
      : batch_norm_(spec.batch_norm),
        plan_(std::move(plan)),
        network_(std::move(network)),
        numbers_(std::move(numbers)),
        workers_(spec.threads) {
    const std::vector<Layer>& layers = plan_.backbone.layers;
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      const Parameter& parameter = network_.parameters()[i];
      const bool norm = std::ranges::any_of(layers, [&](const Layer& layer) {
        return layer.kind == LayerKind::kBatchNorm &&
               parameter.name.starts_with(layer.name + ".");
      });
      const bool learned = !IsRunning(parameter) &&
                           !(norm && batch_norm_ == BatchNormMode::kFrozen);
      const auto count = static_cast<std::size_t>(numbers_[i].numel());
      tensors_.push_back(
          {parameter, learned, {numbers_[i].mutable_data_ptr<float>(), count}});
      if (!learned) continue;
      learned_.push_back(i);
      offsets_.push_back(learned_numbers_);
      learned_numbers_ += count;
    }
  }

  int map_numbers() const override {
    return plan_.map.channels * plan_.map.height * plan_.map.width;
  }
  int dimension() const override { return plan_.dimension; }
  const std::vector<BaseTensor>& tensors() const override { return tensors_; }
  std::size_t learned_numbers() const override { return learned_numbers_; }

  Status Evaluate(std::span<const float* const> maps,
                  std::span<float> features) override {
    CheckFeatures(maps.size(), features.size());
    return Guarded([&] {
      const std::size_t shards =
          (maps.size() + kImagesPerMicroShard - 1) / kImagesPerMicroShard;
      workers_.Run(shards, [&](std::size_t shard) {
        PrepareComputeThread(1);
        const c10::InferenceMode no_gradients;
        const std::size_t first = shard * kImagesPerMicroShard;
        const std::size_t count =
            std::min(kImagesPerMicroShard, maps.size() - first);
        // Always as many, so that the same kernels compute each row.
        const at::Tensor input =
            MapsOf(maps.subspan(first, count), kImagesPerMicroShard);
        const at::Tensor output =
            Pooled(plan_.pooling, network_.Forward(input, numbers_, batch_norm_,
                                                   /*training=*/false));
        CopyOut(output, count, features, first);
      });
    });
  }

  Status Forward(std::size_t slot, std::span<const float* const> maps,
                 std::span<float> features) override {
    CheckFeatures(maps.size(), features.size());
    if (slots_.size() <= slot) slots_.resize(slot + 1);
    Slot& batch = slots_[slot];
    batch.per_shard = batch_norm_ == BatchNormMode::kBatch
                          ? std::max<std::size_t>(maps.size(), 1)
                          : kImagesPerMicroShard;
    batch.shards.clear();
    batch.shards.resize((maps.size() + batch.per_shard - 1) / batch.per_shard);
    return Guarded([&] {
      workers_.Run(batch.shards.size(), [&](std::size_t shard) {
        PrepareComputeThread(1);
        const std::size_t first = shard * batch.per_shard;
        const std::size_t count =
            std::min(batch.per_shard, maps.size() - first);
        Shard& own = batch.shards[shard];
        std::vector<at::Tensor> tensors = numbers_;
        for (const std::size_t i : learned_) {
          // The same numbers, in a graph of this shard's own.
          tensors[i] = numbers_[i].detach().set_requires_grad(true);
          own.leaves.push_back(tensors[i]);
        }
        own.output =
            Pooled(plan_.pooling,
                   network_.Forward(MapsOf(maps.subspan(first, count), count),
                                    tensors, batch_norm_, /*training=*/true));
        CopyOut(own.output.detach(), count, features, first);
      });
    });
  }

  Status Backward(std::size_t slot, std::span<const float> by_features,
                  std::span<float> gradients) override {
    BESOM_CHECK(slot < slots_.size() && gradients.size() == learned_numbers_,
                "no such batch");
    Slot& batch = slots_[slot];
    std::ranges::fill(gradients, 0.0F);
    OrderedSums sums(learned_.size());
    return Guarded([&] {
      workers_.Run(batch.shards.size(), [&](std::size_t shard) {
        try {
          BackwardShard(batch, shard, by_features, gradients, sums);
        } catch (...) {
          sums.Fail();
          throw;
        }
      });
    });
  }

 private:
  /// The graph of some images' way through the network.
  struct Shard {
    std::vector<at::Tensor> leaves;
    at::Tensor output;
  };
  struct Slot {
    std::size_t per_shard = 0;
    std::vector<Shard> shards;
  };

  void CheckFeatures(std::size_t maps, std::size_t features) const {
    BESOM_CHECK(features == maps * static_cast<std::size_t>(plan_.dimension),
                "one row of features a map");
  }

  void BackwardShard(Slot& batch, std::size_t shard,
                     std::span<const float> by_features,
                     std::span<float> gradients, OrderedSums& sums) {
    PrepareComputeThread(1);
    const Shard own = std::exchange(batch.shards[shard], Shard());
    const auto width = static_cast<std::size_t>(plan_.dimension);
    const at::Tensor by_output = at::from_blob(
        const_cast<float*>(by_features.data()) +
            shard * batch.per_shard * width,
        own.output.sizes(), at::TensorOptions().dtype(at::kFloat));
    const std::vector<at::Tensor> found =
        torch::autograd::grad({own.output}, own.leaves, {by_output});
    for (std::size_t i = 0; i < found.size(); ++i)
      sums.Add(shard, i, found[i], gradients.data() + offsets_[i]);
  }

  /// The maps as a batch of `images`, the rest zeros. Channels first: with them
  /// last, LibTorch copies every weight and its gradient into that order and
  /// back again for each shard (a fifth of a step of VGG16's block5).
  at::Tensor MapsOf(std::span<const float* const> maps,
                    std::size_t images) const {
    const auto numbers = static_cast<std::size_t>(map_numbers());
    at::Tensor batch =
        at::zeros({static_cast<std::int64_t>(images), plan_.map.channels,
                   plan_.map.height, plan_.map.width},
                  at::TensorOptions().dtype(at::kFloat));
    float* out = batch.mutable_data_ptr<float>();
    for (std::size_t i = 0; i < maps.size(); ++i)
      std::copy_n(maps[i], numbers, out + i * numbers);
    return batch;
  }

  void CopyOut(const at::Tensor& output, std::size_t count,
               std::span<float> features, std::size_t first) const {
    const auto width = static_cast<std::size_t>(plan_.dimension);
    const at::Tensor rows = output.contiguous();
    std::copy_n(rows.const_data_ptr<float>(), count * width,
                features.data() + first * width);
  }

  /// Calls what LibTorch computes, with its exceptions as values.
  template <typename Work>
  Status Guarded(const Work& work) {
    try {
      work();
    } catch (const std::exception& error) {
      slots_.clear();
      return StatusOfTorch(error);
    }
    return Status::Ok();
  }

  const BatchNormMode batch_norm_;
  const BasePlan plan_;
  const TrainableNetwork network_;
  std::vector<at::Tensor> numbers_;  // Parallel to network_.parameters().
  std::vector<BaseTensor> tensors_;
  std::vector<std::size_t> learned_;  // Of numbers_,
  std::vector<std::size_t> offsets_;  // and where their gradients lie.
  std::size_t learned_numbers_ = 0;
  std::vector<Slot> slots_;
  WorkerThreads workers_;
};

Result<ParameterSource> SourceOf(const TrainedBaseSpec& spec,
                                 const Backbone& backbone) {
  if (spec.tensors != nullptr) {
    return ParameterSource(
        [&tensors = *spec.tensors](
            const Parameter& parameter) -> Result<std::vector<float>> {
          const auto found =
              std::ranges::find(tensors, parameter, &NamedTensor::parameter);
          if (found != tensors.end()) return found->values;
          return CorruptError("weights of the trial",
                              "no tensor " + parameter.name + " of its shape");
        });
  }
  if (spec.weights.empty())
    return RandomParameters(spec.random_seed, backbone.name);
  BESOM_ASSIGN_OR_RETURN(Safetensors file, Safetensors::OpenFile(spec.weights));
  return ParametersOfFile(std::move(file));
}

}  // namespace

Result<std::unique_ptr<TrainedBase>> MakeTrainedBase(
    const TrainedBaseSpec& spec) {
  BESOM_CHECK(spec.threads >= 1, spec.backbone);
  BESOM_ASSIGN_OR_RETURN(BasePlan plan, PlanBase(spec));
  BESOM_ASSIGN_OR_RETURN(const ParameterSource source,
                         SourceOf(spec, plan.backbone));
  TrainableNetwork network(plan.backbone, plan.edge, plan.last);
  try {
    std::vector<at::Tensor> numbers;
    for (const Parameter& parameter : network.parameters()) {
      BESOM_ASSIGN_OR_RETURN(std::vector<float> values, source(parameter));
      numbers.push_back(at::from_blob(values.data(), parameter.shape,
                                      at::TensorOptions().dtype(at::kFloat))
                            .clone());
    }
    return std::unique_ptr<TrainedBase>(std::make_unique<TorchTrainedBase>(
        spec, std::move(plan), std::move(network), std::move(numbers)));
  } catch (const std::exception& error) {
    return StatusOfTorch(error);
  }
}

}  // namespace besom::stages
