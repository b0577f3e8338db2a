#include "stages/model/openvino_engine.h"

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <openvino/runtime/core.hpp>
#include <utility>
#include <vector>

#include "pipeline/base/check.h"
#include "stages/model/bf16_rounding.h"
#include "stages/model/denormals.h"
#include "stages/model/engine_plan.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/openvino_network.h"

namespace besom::stages {
namespace {

Status Failed(const std::exception& error) {
  return Status(StatusCode::kFailed, "OpenVINO", error.what());
}

/// Plugins are loaded once; it lives as long as the process, because engines
/// may outlive any static.
ov::Core& TheCore() {
  static ov::Core& core = *new ov::Core;
  return core;
}

/// Images of one pass. Measured on 2 cores with AVX-512: any batch gives the
/// same bits, small ones keep the widest maps in the cache.
int BatchOf(const Backbone& backbone) {
  return backbone.name == "vgg16" ? 1 : 2;
}

/// Everything that would otherwise be the plugin's own choice: what decides
/// numbers, and how the lanes share the cores.
ov::AnyMap Settings(ov::element::Type precision, int threads, int lanes) {
  return {ov::hint::inference_precision(precision),
          ov::hint::execution_mode(ov::hint::ExecutionMode::ACCURACY),
          ov::num_streams(ov::streams::Num(lanes)),
          ov::inference_num_threads(lanes * threads),
          // Ranks of one machine would all choose the same cores.
          ov::hint::enable_cpu_pinning(false), ov::cache_dir("")};
}

/// Compiles the network in parts, each of one precision; the maps go from one
/// to the next.
class Compiler {
 public:
  Compiler(const EnginePlan& plan, int batch, int lanes)
      : plan_(plan), batch_(batch), lanes_(lanes) {}

  std::vector<ov::CompiledModel> Compile(FoldedNetwork network) {
    const int size = plan_.spec.size;
    const MapShape image{3, size, size};
    if (plan_.spec.precision != "bf16")
      return {CompilePart(network, image, ov::element::f32)};
    const std::size_t split = FirstInBf16(network);
    RoundToBf16(network, split);
    if (split == 0) return {CompilePart(network, image, ov::element::bf16)};
    if (split == network.layers.size())
      return {CompilePart(network, image, ov::element::f32)};
    const FoldedNetwork rest = SplitOff(network, split);
    return {CompilePart(network, image, ov::element::f32),
            CompilePart(rest, plan_.float32_map, ov::element::bf16)};
  }

 private:
  std::size_t FirstInBf16(const FoldedNetwork& network) const {
    if (!plan_.float32_layer) return 0;
    const auto layer = static_cast<std::size_t>(*plan_.float32_layer);
    return static_cast<std::size_t>(network.folded_index[layer]) + 1;
  }

  ov::CompiledModel CompilePart(const FoldedNetwork& network,
                                const MapShape& input,
                                ov::element::Type precision) {
    return TheCore().compile_model(
        BuildOpenVinoModel(network, batch_, input), "CPU",
        Settings(precision, plan_.spec.threads, lanes_));
  }

  const EnginePlan& plan_;
  int batch_, lanes_;
};

/// One lane: a request of each part, which runs on a stream of it.
class OpenVinoEngine final : public FeatureEngine {
 public:
  OpenVinoEngine(std::shared_ptr<const EnginePlan> plan, int batch,
                 std::vector<ov::CompiledModel>& parts)
      : plan_(std::move(plan)), batch_(batch), input_(parts.front().input()) {
    for (ov::CompiledModel& part : parts)
      requests_.push_back(part.create_infer_request());
    for (std::size_t i = 1; i < requests_.size(); ++i)
      requests_[i].set_input_tensor(requests_[i - 1].get_output_tensor());
  }

  int dimension() const override { return plan_->dimension; }
  int batch() const override { return batch_; }
  std::size_t image_numbers() const override { return plan_->image_numbers(); }

  Status Extract(int images, std::span<const float> input,
                 std::span<float> rows) override {
    plan_->CheckArguments(images, batch_, input, rows);
    const DenormalsAsZero scope;
    try {
      // Read where it stands.
      requests_.front().set_input_tensor(
          ov::Tensor(input_, const_cast<float*>(input.data())));
      // On a thread of the stream, so that as many run at once as there are
      // lanes, whoever calls.
      for (ov::InferRequest& request : requests_) {
        request.start_async();
        request.wait();
      }
      plan_->Pool(images,
                  requests_.back().get_output_tensor().data<const float>(),
                  rows);
    } catch (const std::exception& error) {
      return Failed(error);
    }
    return Status::Ok();
  }

 private:
  std::shared_ptr<const EnginePlan> plan_;
  int batch_;
  ov::Output<const ov::Node> input_;
  std::vector<ov::InferRequest> requests_;
};

}  // namespace

bool HasOpenVino() { return true; }

Result<Engines> MakeOpenVinoEngines(const EngineSpec& spec, int lanes) {
  BESOM_CHECK(lanes >= 1, fmt::to_string(lanes));
  BESOM_RETURN_IF_ERROR(CheckPrecision(spec.precision, "cpu"));
  BESOM_ASSIGN_OR_RETURN(EnginePlan made, PlanEngine(spec));
  const auto plan = std::make_shared<const EnginePlan>(std::move(made));
  BESOM_ASSIGN_OR_RETURN(FoldedNetwork network, plan->LoadNetwork());
  const int batch = BatchOf(plan->backbone);
  try {
    // The streams' threads start here and inherit it.
    const DenormalsAsZero scope;
    std::vector<ov::CompiledModel> parts =
        Compiler(*plan, batch, lanes).Compile(std::move(network));
    Engines engines;
    for (int lane = 0; lane < lanes; ++lane)
      engines.push_back(std::make_unique<OpenVinoEngine>(plan, batch, parts));
    return engines;
  } catch (const std::exception& error) {
    return Failed(error);
  }
}

}  // namespace besom::stages
