#include "stages/model/engine_plan.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/base/check.h"

namespace besom::stages {

Result<EnginePlan> PlanEngine(const EngineSpec& spec) {
  BESOM_CHECK(spec.threads >= 1, fmt::to_string(spec.threads));
  BESOM_CHECK(!spec.taps.empty(), spec.backbone);
  const bool built = spec.precision == "fp32" ||
                     (spec.precision == "bf16" && spec.engine == "openvino");
  if (!built)
    return InvalidError(
        "model.precision",
        fmt::format("{} is not built for {}", spec.precision, spec.engine),
        "use fp32");
  if (spec.taps.size() > 1 && !SharesPasses(spec.precision))
    return InvalidError(
        "model.precision",
        fmt::format("no two cuts share a pass in {}", spec.precision),
        "compute one after the other");
  EnginePlan plan{.spec = spec};
  BESOM_ASSIGN_OR_RETURN(plan.backbone, DescribeBackbone(spec.backbone));
  BESOM_ASSIGN_OR_RETURN(const auto shapes,
                         LayerShapes(plan.backbone, spec.size));
  for (const FeatureTap& wanted : spec.taps) {
    TapPlan tap{.offset = static_cast<std::size_t>(plan.dimension)};
    BESOM_ASSIGN_OR_RETURN(tap.layer,
                           TapLayer(plan.backbone, wanted.cut, wanted.pooling));
    BESOM_ASSIGN_OR_RETURN(tap.pooling, ParsePooling(wanted.pooling));
    tap.map = MapAt(shapes, tap.layer, spec.size);
    BESOM_ASSIGN_OR_RETURN(const int dimension,
                           PooledDimension(tap.pooling, tap.map));
    tap.dimension = static_cast<std::size_t>(dimension);
    plan.dimension += dimension;
    plan.taps.push_back(tap);
  }
  return plan;
}

Result<FoldedNetwork> EnginePlan::LoadNetwork() const {
  std::vector<int> outputs;
  outputs.reserve(taps.size());
  for (const TapPlan& tap : taps) outputs.push_back(tap.layer);
  if (spec.weights.empty())
    return FoldNetwork(backbone, outputs,
                       RandomParameters(spec.random_seed, backbone.name));
  BESOM_ASSIGN_OR_RETURN(Safetensors file, Safetensors::OpenFile(spec.weights));
  return FoldNetwork(backbone, outputs, ParametersOfFile(std::move(file)));
}

void EnginePlan::Pool(std::size_t tap, int images, const float* maps,
                      std::span<float> rows) const {
  const TapPlan& plan = taps[tap];
  const auto width = static_cast<std::size_t>(dimension);
  const std::size_t numbers = static_cast<std::size_t>(plan.map.channels) *
                              plan.map.height * plan.map.width;
  for (std::size_t i = 0; i < static_cast<std::size_t>(images); ++i)
    PoolMap(plan.pooling, plan.map, {maps + i * numbers, numbers},
            rows.subspan(i * width + plan.offset, plan.dimension));
}

void EnginePlan::CheckArguments(int images, int batch,
                                std::span<const float> input,
                                std::span<float> rows) const {
  BESOM_CHECK(images >= 1 && images <= batch, fmt::to_string(images));
  BESOM_CHECK(input.size() == image_numbers() * static_cast<std::size_t>(batch),
              fmt::to_string(input.size()));
  BESOM_CHECK(rows.size() == static_cast<std::size_t>(images) *
                                 static_cast<std::size_t>(dimension),
              fmt::to_string(rows.size()));
}

}  // namespace besom::stages
