#include "stages/model/openvino_engine.h"

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <new>
#include <openvino/runtime/core.hpp>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/engine_plan.h"
#include "stages/model/flushed_denormals.h"
#include "stages/model/openvino_network.h"

namespace besom::stages {
namespace {

Status StatusOf(const std::exception& error) {
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  return Status(memory ? StatusCode::kOutOfMemory : StatusCode::kFailed,
                "OpenVINO", error.what(),
                memory ? "start fewer ranks for each machine" : "");
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
  return backbone.name.starts_with("vgg") ? 1 : 2;
}

/// Everything that would otherwise be the plugin's own choice: what decides
/// numbers, and how the lanes share the cores.
ov::AnyMap Settings(bool bf16, int threads, int lanes) {
  using Mode = ov::hint::ExecutionMode;
  return {ov::hint::inference_precision(bf16 ? ov::element::bf16
                                             : ov::element::f32),
          ov::hint::execution_mode(bf16 ? Mode::PERFORMANCE : Mode::ACCURACY),
          ov::num_streams(ov::streams::Num(lanes)),
          ov::inference_num_threads(lanes * threads),
          // Ranks of one machine would all choose the same cores.
          ov::hint::enable_cpu_pinning(false), ov::cache_dir("")};
}

/// One lane: a request, which runs on a stream of the network.
class OpenVinoEngine final : public FeatureEngine {
 public:
  OpenVinoEngine(std::shared_ptr<const EnginePlan> plan, int batch,
                 ov::CompiledModel& network)
      : plan_(std::move(plan)),
        batch_(batch),
        input_(network.input()),
        request_(network.create_infer_request()) {}

  int dimension() const override { return plan_->dimension; }
  int batch() const override { return batch_; }
  std::size_t image_numbers() const override { return plan_->image_numbers(); }

  Status Extract(int images, std::span<const float> input,
                 std::span<float> rows) override {
    plan_->CheckArguments(images, batch_, input, rows);
    const FlushedDenormals flushed;
    try {
      // Read where it stands.
      request_.set_input_tensor(
          ov::Tensor(input_, const_cast<float*>(input.data())));
      // On a thread of the stream, so that as many run at once as there are
      // lanes, whoever calls.
      request_.start_async();
      request_.wait();
      for (std::size_t tap = 0; tap < plan_->taps.size(); ++tap)
        plan_->Pool(tap, images,
                    request_.get_output_tensor(tap).data<const float>(), rows);
    } catch (const std::exception& error) {
      return StatusOf(error);
    }
    return Status::Ok();
  }

 private:
  std::shared_ptr<const EnginePlan> plan_;
  int batch_;
  ov::Output<const ov::Node> input_;
  ov::InferRequest request_;
};

}  // namespace

bool HasOpenVino() { return true; }

Result<Engines> MakeOpenVinoEngines(const EngineSpec& spec, int lanes) {
  BESOM_CHECK(lanes >= 1, fmt::to_string(lanes));
  if (spec.device != "cpu")
    return InvalidError("device", "OpenVINO is for CPUs, not " + spec.device,
                        "use cpu");
  BESOM_ASSIGN_OR_RETURN(EnginePlan made, PlanEngine(spec));
  const auto plan = std::make_shared<const EnginePlan>(std::move(made));
  BESOM_ASSIGN_OR_RETURN(const FoldedNetwork network, plan->LoadNetwork());
  const int batch = BatchOf(plan->backbone);
  try {
    // The streams' threads start here and inherit it.
    const FlushedDenormals flushed;
    ov::CompiledModel compiled = TheCore().compile_model(
        BuildOpenVinoModel(network, batch, {3, spec.size, spec.size}), "CPU",
        Settings(spec.precision == "bf16", spec.threads, lanes));
    Engines engines;
    for (int lane = 0; lane < lanes; ++lane)
      engines.push_back(
          std::make_unique<OpenVinoEngine>(plan, batch, compiled));
    return engines;
  } catch (const std::exception& error) {
    return StatusOf(error);
  }
}

}  // namespace besom::stages
