#include "stages/model/trained_base.h"

#include <fmt/format.h>

#include "stages/model/pooling.h"

namespace besom::stages {

Result<BatchNormMode> ParseBatchNormMode(std::string_view name) {
  if (name == "frozen") return BatchNormMode::kFrozen;
  if (name == "affine") return BatchNormMode::kAffine;
  if (name == "batch") return BatchNormMode::kBatch;
  return InvalidError("train.batch_norm", fmt::format("unknown mode {}", name),
                      "use frozen, affine or batch");
}

Result<FeatureTap> EdgeOf(const Backbone& backbone, std::string_view unfreeze,
                          std::string_view cut) {
  BESOM_ASSIGN_OR_RETURN(const int last, CutLayer(backbone, cut));
  FeatureTap edge{std::string(kInputCut), std::string(kEdgePooling)};
  if (unfreeze == "all") return edge;
  std::string names;
  for (const Block& block : backbone.blocks) {
    if (block.name == unfreeze) {
      if (block.last_layer > last)
        return InvalidError(
            "model.unfreeze",
            fmt::format("the base is cut off after {}, before {}", cut,
                        unfreeze),
            "unfreeze an earlier block, or cut later");
      return edge;
    }
    edge.cut = block.name;
    names += block.name + ", ";
  }
  return InvalidError(
      "model.unfreeze",
      fmt::format("{} has no block named {}", backbone.name, unfreeze),
      fmt::format("use one of: {}all, none", names));
}

Result<FeatureTap> TapOf(const Json& model) {
  const FeatureTap tap{model.at("cut").get<std::string>(),
                       model.at("pooling").get<std::string>()};
  if (!IsUnfrozen(model)) return tap;
  BESOM_ASSIGN_OR_RETURN(
      const Backbone backbone,
      DescribeBackbone(model.at("backbone").get<std::string>()));
  return EdgeOf(backbone, UnfrozenFrom(model), tap.cut);
}

std::string UnfrozenFrom(const Json& model) {
  return model.value("unfreeze", "none");
}

TrainedBaseSpec TrainedBaseSpec::Of(const Json& model) {
  return {.backbone = model.at("backbone").get<std::string>(),
          .unfreeze = UnfrozenFrom(model),
          .tap = {model.at("cut").get<std::string>(),
                  model.at("pooling").get<std::string>()}};
}

}  // namespace besom::stages
