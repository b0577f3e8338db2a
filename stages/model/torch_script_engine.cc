#include "stages/model/torch_script_engine.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <exception>
#include <memory>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/compute_thread.h"
#include "stages/model/pooling.h"
#include "stages/model/torch_device.h"
#include "stages/model/torch_error.h"

namespace besom::stages {
namespace {

/// An error's own words: a compiler's stand first, those of a program that runs
/// end its trace.
std::string FirstLine(const std::string& text) {
  const std::size_t begin = text.find_first_not_of('\n');
  return begin == std::string::npos
             ? ""
             : text.substr(begin, text.find('\n', begin) - begin);
}
std::string LastLine(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

/// A network of a file on its device. Any number of threads may run it.
class Script {
 public:
  static Result<std::shared_ptr<Script>> Load(const EngineSpec& spec) {
    BESOM_ASSIGN_OR_RETURN(const at::Device device,
                           FindTorchDevice(spec.device));
    const std::string file = spec.weights.string();
    try {
      torch::jit::Module module = torch::jit::load(file, device);
      module.eval();
      return std::make_shared<Script>(std::move(module), device, file);
    } catch (const std::exception& error) {
      const Status status = StatusOfTorch(error);
      if (status.code() == StatusCode::kOutOfMemory) return status;
      return InvalidError(
          file, "LibTorch does not load it: " + FirstLine(status.cause()),
          "save it with torch.jit.script(model).save(FILE)");
    }
  }

  Script(torch::jit::Module module, at::Device device, std::string file)
      : module_(std::move(module)), device_(device), file_(std::move(file)) {}

  /// The map of one image (1, 3, size, size), on the CPU, as (1, H, W, C).
  Result<at::Tensor> MapOf(const at::Tensor& image) {
    try {
      const c10::InferenceMode no_gradients;
      // Optimized, its numbers might change from one call to the next.
      const torch::jit::GraphOptimizerEnabledGuard as_written(false);
      const at::IValue output = module_.forward({image.to(device_)});
      if (!output.isTensor())
        return Misfit("forward gives a " + output.tagKind());
      at::Tensor map = output.toTensor();
      if (!map.is_floating_point())
        return Misfit("forward gives no floating point numbers");
      if (map.dim() == 2) map = map.unsqueeze(2).unsqueeze(3);
      if (map.dim() != 4 || map.size(0) != 1 || map.numel() == 0)
        return Misfit(fmt::format("forward gives ({}) for one image",
                                  fmt::join(map.sizes(), ", ")));
      return map.permute({0, 2, 3, 1}).to(at::kCPU, at::kFloat).contiguous();
    } catch (const std::exception& error) {
      const Status status = StatusOfTorch(error);
      if (status.code() == StatusCode::kOutOfMemory) return status;
      return InvalidError(
          file_,
          fmt::format("cannot compute an image of ({}): {}",
                      fmt::join(image.sizes(), ", "), LastLine(status.cause())),
          "its forward takes (1, 3, side, side); side is ingest.image_size");
    }
  }

  Status Misfit(std::string cause, const char* cure =
                                       "a base gives a map (1, channels, rows, "
                                       "columns), or (1, numbers)") const {
    return InvalidError(file_, std::move(cause), cure);
  }

 private:
  torch::jit::Module module_;
  at::Device device_;
  std::string file_;
};

/// An image without a pattern that a network might not see.
at::Tensor TestImage(int size, double phase) {
  const at::Tensor steps =
      at::arange(3 * size * size, at::TensorOptions().dtype(at::kFloat));
  return at::sin(steps * 0.7 + phase)
      .view({1, size, size, 3})
      .permute({0, 3, 1, 2});
}

/// The shape of its maps, when it says the same of an image twice.
Result<MapShape> ShapeOf(Script& script, int size) {
  BESOM_ASSIGN_OR_RETURN(const at::Tensor first,
                         script.MapOf(TestImage(size, 0)));
  BESOM_ASSIGN_OR_RETURN(const at::Tensor other,
                         script.MapOf(TestImage(size, 1)));
  BESOM_ASSIGN_OR_RETURN(const at::Tensor again,
                         script.MapOf(TestImage(size, 0)));
  if (other.sizes() != first.sizes())
    return script.Misfit("forward gives maps of different sizes");
  if (!at::equal(first.nan_to_num(), again.nan_to_num()))
    return script.Misfit(
        "forward gives other numbers for the same image the second time: it "
        "draws some, or remembers what it saw",
        "leave out what draws or counts");
  return MapShape{static_cast<int>(first.size(3)),
                  static_cast<int>(first.size(1)),
                  static_cast<int>(first.size(2))};
}

class TorchScriptEngine final : public FeatureEngine {
 public:
  TorchScriptEngine(std::shared_ptr<Script> script, const EngineSpec& spec,
                    Pooling pooling, const MapShape& map, int dimension)
      : script_(std::move(script)),
        size_(spec.size),
        threads_(spec.threads),
        pooling_(pooling),
        map_(map),
        dimension_(dimension) {}

  int dimension() const override { return dimension_; }
  int batch() const override { return 1; }
  std::size_t image_numbers() const override {
    return static_cast<std::size_t>(size_) * size_ * 3;
  }

  Status Extract(int images, std::span<const float> input,
                 std::span<float> rows) override {
    BESOM_CHECK(images == 1 && input.size() == image_numbers() &&
                    rows.size() == static_cast<std::size_t>(dimension_),
                fmt::to_string(images));
    PrepareComputeThread(threads_);
    const at::Tensor image =
        at::from_blob(const_cast<float*>(input.data()), {1, size_, size_, 3},
                      at::TensorOptions().dtype(at::kFloat))
            .permute({0, 3, 1, 2});
    BESOM_ASSIGN_OR_RETURN(const at::Tensor map, script_->MapOf(image));
    const auto numbers = static_cast<std::size_t>(map.numel());
    if (map.size(1) != map_.height || map.size(2) != map_.width ||
        map.size(3) != map_.channels)
      return script_->Misfit("forward gives maps of different sizes");
    PoolMap(pooling_, map_, {map.const_data_ptr<float>(), numbers}, rows);
    return Status::Ok();
  }

 private:
  std::shared_ptr<Script> script_;  // Shared with the other lanes.
  const int size_, threads_;
  const Pooling pooling_;
  const MapShape map_;
  const int dimension_;
};

}  // namespace

Result<Engines> MakeTorchScriptEngines(const EngineSpec& spec, int lanes) {
  BESOM_CHECK(lanes >= 1 && spec.threads >= 1 && spec.taps.size() == 1,
              spec.weights.string());
  const FeatureTap& tap = spec.taps.front();
  if (tap.cut != "full")
    return InvalidError("model.cut", "blocks of a TorchScript file are unknown",
                        "use full");
  if (spec.engine != "libtorch" || spec.precision != "fp32")
    return InvalidError("model.precision",
                        fmt::format("{} of {} does not run a TorchScript file",
                                    spec.precision, spec.engine),
                        "use fp32 of libtorch");
  BESOM_ASSIGN_OR_RETURN(const Pooling pooling, ParsePooling(tap.pooling));
  PrepareComputeThread(spec.threads);
  BESOM_ASSIGN_OR_RETURN(const std::shared_ptr<Script> script,
                         Script::Load(spec));
  BESOM_ASSIGN_OR_RETURN(const MapShape map, ShapeOf(*script, spec.size));
  BESOM_ASSIGN_OR_RETURN(const int dimension, PooledDimension(pooling, map));
  Engines engines;
  for (int lane = 0; lane < lanes; ++lane)
    engines.push_back(std::make_unique<TorchScriptEngine>(script, spec, pooling,
                                                          map, dimension));
  return engines;
}

}  // namespace besom::stages
