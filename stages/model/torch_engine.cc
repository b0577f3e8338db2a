#include "stages/model/torch_engine.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <exception>
#include <optional>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/compute_thread.h"
#include "stages/model/engine_plan.h"
#include "stages/model/torch_device.h"
#include "stages/model/torch_error.h"
#include "stages/model/torch_network.h"

namespace besom::stages {
namespace {

/// What a process takes of a GPU beside the allocator's memory, for its context
/// and kernels: an assumption on the safe side.
constexpr std::int64_t kContextBytes = std::int64_t{600} << 20;

class TorchEngine final : public FeatureEngine {
 public:
  TorchEngine(const EnginePlan& plan, int batch, at::Device device,
              const FoldedNetwork& network)
      : plan_(plan),
        batch_(batch),
        device_(device),
        network_(std::in_place, network,
                 c10::IntArrayRef{batch, 3, plan.spec.size, plan.spec.size},
                 device) {}
  ~TorchEngine() override {
    network_.reset();
    if (device_.is_cuda()) EmptyCache();
  }

  int dimension() const override { return plan_.dimension; }
  int batch() const override { return batch_; }
  std::size_t image_numbers() const override { return plan_.image_numbers(); }

  Status Extract(int images, std::span<const float> input,
                 std::span<float> rows) override {
    plan_.CheckArguments(images, batch_, input, rows);
    try {
      Run(images, input, rows);
    } catch (const std::exception& error) {
      return StatusOfTorch(error);
    }
    return Status::Ok();
  }

  DeviceMemory Memory() const override {
    if (!device_.is_cuda()) return {};
    try {
      return MemoryOfGpu();
    } catch (const std::exception&) {
      return {};  // Not measured; the device's next use tells what is wrong.
    }
  }

 private:
  DeviceMemory MemoryOfGpu() const {
    c10::DeviceAllocator& allocator = *at::getDeviceAllocator(at::kCUDA);
    const auto index = device_.index();
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

  void Run(int images, std::span<const float> input,
           std::span<float> rows) const {
    PrepareComputeThread(plan_.spec.threads);
    const c10::InferenceMode no_gradients;
    const int size = plan_.spec.size;
    const at::Tensor batch =
        at::from_blob(const_cast<float*>(input.data()), {batch_, size, size, 3},
                      at::TensorOptions().dtype(at::kFloat))
            .permute({0, 3, 1, 2})
            .to(device_);
    const std::vector<at::Tensor> outputs = network_->Forward(batch);
    for (std::size_t tap = 0; tap < outputs.size(); ++tap) {
      const at::Tensor maps =
          outputs[tap].permute({0, 2, 3, 1}).to(at::kCPU).contiguous();
      plan_.Pool(tap, images, maps.const_data_ptr<float>(), rows);
    }
  }

  EnginePlan plan_;
  int batch_;
  at::Device device_;
  std::optional<TorchNetwork> network_;
};

/// Images of one pass: as many as keep the widest maps near the cache.
/// Measured on 2 cores with AVX-512; a constant of the plan, because the
/// engine may choose another kernel for another batch.
int BatchOf(const Backbone& backbone, const at::Device& device) {
  if (device.is_cuda()) return 64;
  return backbone.name.starts_with("vgg") ? 2 : 4;
}

}  // namespace

Result<Engines> MakeTorchEngines(const EngineSpec& spec, int lanes) {
  BESOM_CHECK(lanes >= 1, fmt::to_string(lanes));
  BESOM_ASSIGN_OR_RETURN(const EnginePlan plan, PlanEngine(spec));
  BESOM_ASSIGN_OR_RETURN(const at::Device device, FindTorchDevice(spec.device));
  BESOM_ASSIGN_OR_RETURN(const FoldedNetwork network, plan.LoadNetwork());
  try {
    PrepareComputeThread(spec.threads);
    const c10::InferenceMode no_gradients;
    if (device.is_cuda() && at::getDeviceAllocator(at::kCUDA)->initialized())
      at::getDeviceAllocator(at::kCUDA)->resetPeakStats(device.index());
    Engines engines;
    for (int lane = 0; lane < lanes; ++lane)
      engines.push_back(std::make_unique<TorchEngine>(
          plan, BatchOf(plan.backbone, device), device, network));
    return engines;
  } catch (const std::exception& error) {
    return StatusOfTorch(error);
  }
}

}  // namespace besom::stages
