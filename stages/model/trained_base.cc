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

namespace {

/// kInvalid where the layers after `edge` up to `last` are not all of kinds
/// that TrainableNetwork differentiates.
Status CheckTrainable(const Backbone& backbone, int edge, int last) {
  for (int i = edge + 1; i <= last; ++i) {
    switch (backbone.layers[static_cast<std::size_t>(i)].kind) {
      case LayerKind::kConv:
      case LayerKind::kBatchNorm:
      case LayerKind::kRelu:
      case LayerKind::kRelu6:
      case LayerKind::kMaxPool:
      case LayerKind::kAdd:
        continue;
      default:
        return InvalidError("model.unfreeze",
                            fmt::format("training layers of {} is not built "
                                        "yet",
                                        backbone.name),
                            "use none, or a VGG, ResNet, MobileNetV2 or "
                            "EfficientNet-Lite");
    }
  }
  return Status::Ok();
}

}  // namespace

Result<FeatureTap> EdgeOf(const Backbone& backbone, std::string_view unfreeze,
                          std::string_view cut) {
  BESOM_ASSIGN_OR_RETURN(const int last, CutLayer(backbone, cut));
  FeatureTap edge{std::string(kInputCut), std::string(kEdgePooling)};
  if (unfreeze == "all") {
    BESOM_RETURN_IF_ERROR(CheckTrainable(backbone, Layer::kImage, last));
    return edge;
  }
  std::string names;
  for (const Block& block : backbone.blocks) {
    if (block.name == unfreeze) {
      if (block.last_layer > last)
        return InvalidError(
            "model.unfreeze",
            fmt::format("the base is cut off after {}, before {}", cut,
                        unfreeze),
            "unfreeze an earlier block, or cut later");
      BESOM_ASSIGN_OR_RETURN(const int layer,
                             TapLayer(backbone, edge.cut, edge.pooling));
      BESOM_RETURN_IF_ERROR(CheckTrainable(backbone, layer, last));
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

}  // namespace besom::stages
