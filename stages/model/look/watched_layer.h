#pragma once

#include "stages/model/export/exported_model.h"

namespace besom::stages {

/// The layer whose map Grad-CAM looks at: the last one before the head that has
/// more than one position. That is the pooled map, or where it is 1 x 1 the map
/// under it. Where the pooled map is a class token, it is what the last
/// attention's queries, keys and values are made from: behind it the other
/// tokens do not reach the head any more. Its first token is no position.
/// A TorchScript base gives its own map: then the answer does not matter.
int WatchedLayer(const ExportedModel& model);

}  // namespace besom::stages
