#include "stages/model/network_probe.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cmath>
#include <exception>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/compute_thread.h"
#include "stages/model/script_module.h"
#include "stages/model/torch_error.h"

namespace besom::stages {
namespace {

class TorchProbe final : public NetworkProbe {
 public:
  TorchProbe(torch::jit::Module module, int side, int threads)
      : module_(std::move(module)), side_(side), threads_(threads) {}

  Result<std::vector<double>> Probabilities(
      std::span<const std::uint8_t> images, int count) override {
    try {
      const c10::InferenceMode no_gradients;
      const at::Tensor rows =
          MeanOf(Run(ImagesOf(images, count)).logits).contiguous();
      const double* first = rows.const_data_ptr<double>();
      return std::vector<double>(first, first + rows.numel());
    } catch (const std::exception& error) {
      return StatusOfTorch(error);
    }
  }

  Result<ClassActivation> GradCam(std::span<const std::uint8_t> image,
                                  int target) override {
    try {
      return Explain(ImagesOf(image, 1).set_requires_grad(true), target);
    } catch (const std::exception& error) {
      return StatusOfTorch(error);
    }
  }

 private:
  /// Of each fit.
  struct Outputs {
    std::vector<at::Tensor> maps, logits;
  };

  Outputs Run(const at::Tensor& images) {
    PrepareComputeThread(threads_);
    // Optimized, its numbers might change from one call to the next.
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    const auto outputs = module_.forward({images}).toTupleRef().elements();
    return {outputs[0].toTensorVector(), outputs[1].toTensorVector()};
  }

  at::Tensor ImagesOf(std::span<const std::uint8_t> pixels, int count) const {
    BESOM_CHECK(
        pixels.size() == static_cast<std::size_t>(count) * 3 * side_ * side_,
        fmt::to_string(pixels.size()));
    return at::from_blob(const_cast<std::uint8_t*>(pixels.data()),
                         {count, 3, side_, side_},
                         at::TensorOptions().dtype(at::kByte))
        .to(at::kFloat);
  }

  static at::Tensor MeanOf(const std::vector<at::Tensor>& logits) {
    at::Tensor sum;
    for (const at::Tensor& fit : logits) {
      const at::Tensor share = at::softmax(fit.to(at::kDouble), 1);
      sum = sum.defined() ? sum + share : share;
    }
    return sum / static_cast<double>(logits.size());
  }

  /// The map; of tokens, a map of one column, those of patches as a square.
  static at::Tensor Places(const at::Tensor& map) {
    const std::int64_t count = map.size(2) - 1;
    if (map.size(3) != 1 || count < 1) return map;
    const auto side = std::lround(std::sqrt(count));
    return map.narrow(2, 1, count).reshape({1, map.size(1), side, side});
  }

  Result<ClassActivation> Explain(const at::Tensor& image, int target) {
    const Outputs outputs = Run(image);
    const at::Tensor shares = MeanOf(outputs.logits).detach().contiguous();
    const double* first = shares.const_data_ptr<double>();
    ClassActivation found{.target = target,
                          .probabilities = {first, first + shares.numel()}};
    if (target < 0)
      found.target = static_cast<int>(shares.argmax(1).item<std::int64_t>());
    at::Tensor sum;
    for (std::size_t fit = 0; fit < outputs.maps.size(); ++fit) {
      const at::Tensor& map = outputs.maps[fit];
      const at::Tensor logit = outputs.logits[fit].select(1, found.target);
      const at::Tensor gradient =
          torch::autograd::grad({logit.sum()}, {map}, /*grad_outputs=*/{},
                                /*retain_graph=*/true)
              .front();
      const at::Tensor weights =
          Places(gradient).mean({2, 3}, /*keepdim=*/true);
      const at::Tensor weighed = at::relu((weights * Places(map)).sum(1));
      sum = sum.defined() ? sum + weighed : weighed;
    }
    const at::Tensor mean =
        (sum / static_cast<double>(outputs.maps.size())).detach().contiguous();
    const float* values = mean.const_data_ptr<float>();
    found.map = {static_cast<int>(mean.size(1)),
                 static_cast<int>(mean.size(2)),
                 {values, values + mean.numel()}};
    return found;
  }

  torch::jit::Module module_;
  const int side_, threads_;
};

}  // namespace

Result<std::unique_ptr<NetworkProbe>> MakeNetworkProbe(
    const ScriptProgram& program, int side, int threads) {
  BESOM_CHECK(threads >= 1, fmt::to_string(threads));
  BESOM_ASSIGN_OR_RETURN(torch::jit::Module module, CompileScript(program));
  return std::unique_ptr<NetworkProbe>(
      std::make_unique<TorchProbe>(std::move(module), side, threads));
}

}  // namespace besom::stages
