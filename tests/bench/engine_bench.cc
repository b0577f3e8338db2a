// Images per second of our engines beside OpenVINO used bare, in one process.
//   engine_bench BACKBONE THREADS IMAGES REPEATS MODEL.xml PRECISION
//   [OTHER.xml]
// Prints one line of JSON a repeat: our lanes, a bare loop over the whole
// network with OpenVINO's throughput hint, the same over OTHER.xml (the network
// as others made it), LibTorch's lanes. Random weights.
// Fails when our rows are not OpenVINO's. Leaves the network in
// MODEL.xml, for OpenVINO's benchmark_app.
#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <openvino/core/graph_util.hpp>
#include <openvino/runtime/core.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/base/json.h"
#include "pipeline/base/random.h"
#include "stages/model/engine_plan.h"
#include "stages/model/openvino_engine.h"
#include "stages/model/openvino_network.h"
#include "stages/model/torch_engine.h"

namespace besom::stages {
namespace {

double RateOf(int images, const std::function<void()>& work) {
  const SystemClock clock;
  const double start = clock.Monotonic();
  work();
  return images / (clock.Monotonic() - start);
}

std::vector<float> RandomInput(int batch, std::size_t image_numbers) {
  KeyedRandom random(1, "images");
  std::vector<float> input(static_cast<std::size_t>(batch) * image_numbers);
  for (float& value : input) value = static_cast<float>(random.Uniform(-1, 1));
  return input;
}

/// Engines as the features stage uses them: each on a thread of its own.
class Lanes {
 public:
  explicit Lanes(Engines engines)
      : engines_(std::move(engines)),
        batch_(engines_.front()->batch()),
        input_(RandomInput(batch_, engines_.front()->image_numbers())) {
    rows_.resize(static_cast<std::size_t>(batch_ * Dimension()));
  }

  int Dimension() const { return engines_.front()->dimension(); }
  int batch() const { return batch_; }
  const std::vector<float>& rows() const { return rows_; }

  void Run(int images) {
    std::vector<std::jthread> threads;
    const int passes = images / batch_ / static_cast<int>(engines_.size()) + 1;
    done_ = passes * batch_ * static_cast<int>(engines_.size());
    for (const auto& engine : engines_)
      threads.emplace_back([&, passes] {
        std::vector<float> rows(rows_.size());
        for (int pass = 0; pass < passes; ++pass)
          if (!engine->Extract(batch_, input_, rows).ok()) std::abort();
        if (engine == engines_.front()) rows_ = rows;
      });
  }

  double Rate(int images) {
    const double each = RateOf(1, [&] { Run(images); });
    return each * done_;
  }

 private:
  Engines engines_;
  int batch_;
  std::vector<float> input_, rows_;
  int done_ = 0;
};

/// OpenVINO as its own tools use it: as many requests as it asks for.
class Bare {
 public:
  Bare(const std::shared_ptr<ov::Model>& model, int threads, bool bf16)
      : batch_(static_cast<int>(model->input().get_shape()[0])),
        compiled_(core_.compile_model(
            model, "CPU",
            {ov::hint::performance_mode(ov::hint::PerformanceMode::THROUGHPUT),
             ov::hint::inference_precision(bf16 ? ov::element::bf16
                                                : ov::element::f32),
             ov::inference_num_threads(threads)})),
        input_(RandomInput(batch_, ov::shape_size(model->input().get_shape()) /
                                       static_cast<std::size_t>(batch_))) {
    const auto count =
        compiled_.get_property(ov::optimal_number_of_infer_requests);
    for (std::uint32_t i = 0; i < count; ++i) {
      requests_.push_back(compiled_.create_infer_request());
      requests_.back().set_input_tensor(
          ov::Tensor(compiled_.input(), input_.data()));
    }
  }

  double Rate(int images) {
    const int passes = images / batch_ / static_cast<int>(requests_.size()) + 1;
    const auto run = [&] {
      for (auto& request : requests_) request.start_async();
      for (int pass = 1; pass < passes; ++pass)
        for (auto& request : requests_) {
          request.wait();
          request.start_async();
        }
      for (auto& request : requests_) request.wait();
    };
    return RateOf(passes * batch_ * static_cast<int>(requests_.size()), run);
  }

  const float* Maps() {
    return requests_.front().get_output_tensor().data<const float>();
  }

 private:
  int batch_;
  ov::Core core_;
  ov::CompiledModel compiled_;
  std::vector<float> input_;
  std::vector<ov::InferRequest> requests_;
};

/// A network in a file, for as many images of as many pixels.
Bare OpenOther(const std::string& path, int batch, int size, int threads,
               bool bf16) {
  ov::Core core;
  const std::shared_ptr<ov::Model> model = core.read_model(path);
  model->reshape(ov::PartialShape{batch, 3, size, size});
  return {model, threads, bf16};
}

Status Run(const std::vector<std::string>& args) {
  const int threads = std::stoi(args[1]), images = std::stoi(args[2]);
  BESOM_ASSIGN_OR_RETURN(const Backbone backbone, DescribeBackbone(args[0]));
  const int size = backbone.input_size;
  const EngineSpec spec{.backbone = args[0],
                        .precision = args[5],
                        .engine = "openvino",
                        .size = size,
                        .threads = 1};
  BESOM_ASSIGN_OR_RETURN(const EnginePlan plan, PlanEngine(spec));
  BESOM_ASSIGN_OR_RETURN(const FoldedNetwork network, plan.LoadNetwork());
  BESOM_ASSIGN_OR_RETURN(Engines openvino, MakeOpenVinoEngines(spec, threads));
  Lanes ours(std::move(openvino));
  EngineSpec torch_spec = spec;
  torch_spec.precision = "fp32";
  torch_spec.engine = "libtorch";
  BESOM_ASSIGN_OR_RETURN(Engines torch, MakeTorchEngines(torch_spec, threads));
  Lanes libtorch(std::move(torch));
  const auto model = BuildOpenVinoModel(network, ours.batch(), {3, size, size});
  ov::save_model(model, args[4], false);
  Bare bare(model, threads, args[5] == "bf16");
  std::optional<Bare> other;
  if (args.size() > 6)
    other.emplace(
        OpenOther(args[6], ours.batch(), size, threads, args[5] == "bf16"));
  ours.Run(0);
  libtorch.Run(0);
  bare.Rate(0);  // Warm.
  std::vector<float> rows(ours.rows().size());
  plan.Pool(0, ours.batch(), bare.Maps(), rows);
  if (ours.rows() != rows)
    return Status(StatusCode::kFailed, "engine_bench",
                  "our rows are not OpenVINO's");
  if (other) other->Rate(0);
  for (int repeat = 0; repeat < std::stoi(args[3]); ++repeat) {
    Json rates = {{"ours", ours.Rate(images)},
                  {"bare", bare.Rate(images)},
                  {"libtorch", libtorch.Rate(images)}};
    if (other) rates["other"] = other->Rate(images);
    fmt::print("{}\n", rates.dump());
  }
  return Status::Ok();
}

}  // namespace
}  // namespace besom::stages

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 6 && args.size() != 7) {
    fmt::print(stderr,
               "usage: engine_bench BACKBONE THREADS IMAGES REPEATS "
               "MODEL.xml PRECISION [OTHER.xml]\n");
    return 2;
  }
  const besom::Status status = besom::stages::Run(args);
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return besom::ExitCodeOf(status);
}
