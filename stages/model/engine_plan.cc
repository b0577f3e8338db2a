#include "stages/model/engine_plan.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/base/check.h"

namespace besom::stages {

Result<EnginePlan> PlanEngine(const EngineSpec& spec) {
  BESOM_CHECK(spec.threads >= 1, fmt::to_string(spec.threads));
  const bool built = spec.precision == "fp32" ||
                     (spec.precision == "bf16" && spec.engine == "openvino");
  if (!built)
    return InvalidError(
        "model.precision",
        fmt::format("{} is not built for {}", spec.precision, spec.engine),
        "use fp32");
  EnginePlan plan{.spec = spec};
  BESOM_ASSIGN_OR_RETURN(plan.backbone, DescribeBackbone(spec.backbone));
  BESOM_ASSIGN_OR_RETURN(plan.last_layer, CutLayer(plan.backbone, spec.cut));
  BESOM_ASSIGN_OR_RETURN(const auto shapes,
                         LayerShapes(plan.backbone, spec.size));
  BESOM_ASSIGN_OR_RETURN(plan.pooling, ParsePooling(spec.pooling));
  plan.map = shapes[static_cast<std::size_t>(plan.last_layer)];
  BESOM_ASSIGN_OR_RETURN(plan.dimension,
                         PooledDimension(plan.pooling, plan.map));
  return plan;
}

Result<FoldedNetwork> EnginePlan::LoadNetwork() const {
  if (spec.weights.empty())
    return FoldNetwork(backbone, last_layer,
                       RandomParameters(spec.random_seed, backbone.name));
  BESOM_ASSIGN_OR_RETURN(Safetensors file, Safetensors::OpenFile(spec.weights));
  return FoldNetwork(backbone, last_layer, ParametersOfFile(std::move(file)));
}

void EnginePlan::Pool(int images, const float* maps,
                      std::span<float> rows) const {
  const auto width = static_cast<std::size_t>(dimension);
  const std::size_t numbers =
      static_cast<std::size_t>(map.channels) * map.height * map.width;
  for (std::size_t i = 0; i < static_cast<std::size_t>(images); ++i)
    PoolMap(pooling, map, {maps + i * numbers, numbers},
            rows.subspan(i * width, width));
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
