#include "stages/model/look/watched_layer.h"

#include <gtest/gtest.h>

namespace besom::stages {
namespace {

/// A backbone cut off there, without weights.
ExportedModel Cut(const std::string& backbone, const std::string& cut,
                  int size) {
  ExportedModel model;
  model.backbone = DescribeBackbone(backbone).value();
  model.last = CutLayer(model.backbone, cut).value();
  model.shapes = LayerShapes(model.backbone, size).value();
  model.size = size;
  return model;
}

MapShape Watched(const ExportedModel& model) {
  return MapAt(model.shapes, WatchedLayer(model), model.size);
}

TEST(WatchedLayerTest, IsThePooledMap) {
  const ExportedModel model = Cut("vgg16", "full", 224);
  EXPECT_EQ(WatchedLayer(model), model.last);
  EXPECT_EQ(Watched(Cut("resnet50", "layer3", 224)), (MapShape{1024, 14, 14}));
}

TEST(WatchedLayerTest, IsUnderAMapOfOnePosition) {
  EXPECT_EQ(Watched(Cut("convnext_tiny", "full", 224)), (MapShape{768, 7, 7}));
  EXPECT_EQ(Watched(Cut("vgg16", "full", 32)), (MapShape{512, 2, 2}));
}

TEST(WatchedLayerTest, OfTokensIsWhatTheLastAttentionReads) {
  const ExportedModel model = Cut("vit_b_16", "full", 224);
  EXPECT_EQ(
      model.backbone.layers[static_cast<std::size_t>(WatchedLayer(model))].name,
      "encoder.layers.encoder_layer_11.ln_1");
  EXPECT_EQ(Watched(Cut("vit_b_16", "block3", 224)), (MapShape{768, 14, 14}));
}

}  // namespace
}  // namespace besom::stages
