#include "stages/model/look/watched_layer.h"

namespace besom::stages {

int WatchedLayer(const ExportedModel& model) {
  if (!model.script.empty()) return model.last;
  const auto at = [&](int layer) -> const Layer& {
    return model.backbone.layers[static_cast<std::size_t>(layer)];
  };
  int layer = model.last;
  while (layer != Layer::kImage) {
    if (at(layer).kind == LayerKind::kAttention)
      return at(at(layer).inputs[0]).inputs[0];
    const MapShape map = MapAt(model.shapes, layer, model.size);
    if (map.height > 1 && map.width > 1) return layer;
    // Of a sum the first is the branch, where the attention is.
    layer = at(layer).inputs.front();
  }
  return model.last;
}

}  // namespace besom::stages
