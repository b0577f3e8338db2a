#pragma once

#include <memory>
#include <openvino/core/model.hpp>

#include "stages/model/folded_network.h"

namespace besom::stages {

/// A folded network as an OpenVINO graph, float32: images of shape `input` in,
/// the maps of its outputs out, in their order, all (batch, height, width,
/// channels). Copies the weights. Throws as OpenVINO does.
std::shared_ptr<ov::Model> BuildOpenVinoModel(const FoldedNetwork& network,
                                              int batch, const MapShape& input);

}  // namespace besom::stages
