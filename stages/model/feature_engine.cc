#include "stages/model/feature_engine.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/compute_thread.h"
#include "stages/model/folded_network.h"
#include "stages/model/pooling.h"
#include "stages/model/torch_network.h"

namespace besom::stages {
namespace {

/// The message of an exception of LibTorch, without its stack trace.
std::string WhatOf(const std::exception& error) {
  if (const auto* ours = dynamic_cast<const c10::Error*>(&error))
    return ours->what_without_backtrace();
  return error.what();
}

/// What LibTorch or the allocator threw: memory that is missing may be there
/// when the task has its device to itself.
Status StatusOf(const std::exception& error) {
  const bool memory =
      dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
      dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  return Status(memory ? StatusCode::kOutOfMemory : StatusCode::kFailed,
                "LibTorch", WhatOf(error),
                memory ? "start fewer ranks for each GPU or machine" : "");
}

/// What a process takes of a GPU beside the allocator's memory, for its context
/// and kernels: an assumption on the safe side.
constexpr std::int64_t kContextBytes = std::int64_t{600} << 20;

Result<FoldedNetwork> LoadNetwork(const EngineSpec& spec,
                                  const Backbone& backbone, int last_layer) {
  if (spec.weights.empty())
    return FoldNetwork(backbone, last_layer,
                       RandomParameters(spec.random_seed, backbone.name));
  BESOM_ASSIGN_OR_RETURN(Safetensors file, Safetensors::OpenFile(spec.weights));
  return FoldNetwork(backbone, last_layer, ParametersOfFile(std::move(file)));
}

/// Full float32 on GPUs: TF32 would drop 13 bits of every product.
void ForbidTf32() {
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
}

Result<at::Device> FindDevice(const std::string& name) {
  try {
    const at::Device device(name);
    if (device.is_cuda()) {
      if (!at::globalContext().hasCUDA())
        return Status(StatusCode::kUnavailable, "device",
                      "LibTorch finds no GPU", "use the CPU");
      ForbidTf32();
    }
    return device;
  } catch (const std::exception& error) {
    return InvalidError("device", WhatOf(error), "use cpu or cuda:0 ...");
  }
}

class TorchEngine final : public FeatureEngine {
 public:
  struct Plan {
    int size, threads, batch, dimension;
    Pooling pooling;
    MapShape map;
    at::Device device;
  };

  TorchEngine(const Plan& plan, const FoldedNetwork& network)
      : plan_(plan),
        network_(std::in_place, network,
                 c10::IntArrayRef{plan.batch, 3, plan.size, plan.size},
                 plan.device) {}
  ~TorchEngine() override {
    network_.reset();
    if (plan_.device.is_cuda()) EmptyCache();
  }

  int dimension() const override { return plan_.dimension; }
  int batch() const override { return plan_.batch; }
  std::size_t image_numbers() const override {
    return static_cast<std::size_t>(plan_.size) * plan_.size * 3;
  }

  Status Extract(int images, std::span<const float> input,
                 std::span<float> rows) override {
    const auto count = static_cast<std::size_t>(images);
    BESOM_CHECK(images >= 1 && images <= plan_.batch, fmt::to_string(images));
    BESOM_CHECK(input.size() == image_numbers() * plan_.batch,
                fmt::to_string(input.size()));
    BESOM_CHECK(rows.size() == count * static_cast<std::size_t>(dimension()),
                fmt::to_string(rows.size()));
    try {
      Run(count, input, rows);
    } catch (const std::exception& error) {
      return StatusOf(error);
    }
    return Status::Ok();
  }

  DeviceMemory Memory() const override {
    if (!plan_.device.is_cuda()) return {};
    try {
      return MemoryOfGpu();
    } catch (const std::exception&) {
      return {};  // Not measured; the device's next use tells what is wrong.
    }
  }

 private:
  DeviceMemory MemoryOfGpu() const {
    c10::DeviceAllocator& allocator = *at::getDeviceAllocator(at::kCUDA);
    const auto index = plan_.device.index();
    const auto reserved =
        allocator.getDeviceStats(index).reserved_bytes[kAllPools];
    const auto [free, total] = allocator.getMemoryInfo(index);
    // Others' memory is not for tasks.
    return {.peak = reserved.peak + kContextBytes,
            .total = reserved.current + static_cast<std::int64_t>(free)};
  }

  static constexpr auto kAllPools =
      static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);

  /// Gives the memory of freed tensors back to the device, for other ranks.
  static void EmptyCache() {
    try {
      at::getDeviceAllocator(at::kCUDA)->emptyCache();
    } catch (const std::exception&) {
      // The device is broken: whoever uses it next is told.
    }
  }

  void Run(std::size_t images, std::span<const float> input,
           std::span<float> rows) const {
    PrepareComputeThread(plan_.threads);
    const c10::InferenceMode no_gradients;
    const at::Tensor batch =
        at::from_blob(const_cast<float*>(input.data()),
                      {plan_.batch, plan_.size, plan_.size, 3},
                      at::TensorOptions().dtype(at::kFloat))
            .permute({0, 3, 1, 2})
            .to(plan_.device);
    const at::Tensor maps = network_->Forward(batch)
                                .permute({0, 2, 3, 1})
                                .to(at::kCPU)
                                .contiguous();
    const auto width = static_cast<std::size_t>(plan_.dimension);
    const std::size_t numbers = static_cast<std::size_t>(plan_.map.channels) *
                                plan_.map.height * plan_.map.width;
    const float* first = maps.const_data_ptr<float>();
    for (std::size_t i = 0; i < images; ++i)
      PoolMap(plan_.pooling, plan_.map, {first + i * numbers, numbers},
              rows.subspan(i * width, width));
  }

  Plan plan_;
  std::optional<TorchNetwork> network_;
};

/// Images of one pass: as many as keep the widest maps near the cache.
/// Measured on 2 cores with AVX-512; a constant of the plan, because the
/// engine may choose another kernel for another batch.
int BatchOf(const Backbone& backbone, const at::Device& device) {
  if (device.is_cuda()) return 64;
  return backbone.name == "vgg16" ? 2 : 4;
}

}  // namespace

Result<std::unique_ptr<FeatureEngine>> MakeFeatureEngine(
    const EngineSpec& spec) {
  BESOM_CHECK(spec.threads >= 1, fmt::to_string(spec.threads));
  if (spec.precision != "fp32")
    return InvalidError("model.precision",
                        fmt::format("{} is not built yet", spec.precision),
                        "use fp32");
  BESOM_ASSIGN_OR_RETURN(const Backbone backbone,
                         DescribeBackbone(spec.backbone));
  BESOM_ASSIGN_OR_RETURN(const int last, CutLayer(backbone, spec.cut));
  BESOM_ASSIGN_OR_RETURN(const auto shapes, LayerShapes(backbone, spec.size));
  BESOM_ASSIGN_OR_RETURN(const Pooling pooling, ParsePooling(spec.pooling));
  const MapShape map = shapes[static_cast<std::size_t>(last)];
  BESOM_ASSIGN_OR_RETURN(const int dimension, PooledDimension(pooling, map));
  BESOM_ASSIGN_OR_RETURN(const at::Device device, FindDevice(spec.device));
  BESOM_ASSIGN_OR_RETURN(const FoldedNetwork network,
                         LoadNetwork(spec, backbone, last));
  const TorchEngine::Plan plan{.size = spec.size,
                               .threads = spec.threads,
                               .batch = BatchOf(backbone, device),
                               .dimension = dimension,
                               .pooling = pooling,
                               .map = map,
                               .device = device};
  try {
    PrepareComputeThread(spec.threads);
    const c10::InferenceMode no_gradients;
    if (device.is_cuda() && at::getDeviceAllocator(at::kCUDA)->initialized())
      at::getDeviceAllocator(at::kCUDA)->resetPeakStats(device.index());
    return std::unique_ptr<FeatureEngine>(
        std::make_unique<TorchEngine>(plan, network));
  } catch (const std::exception& error) {
    return StatusOf(error);
  }
}

}  // namespace besom::stages
