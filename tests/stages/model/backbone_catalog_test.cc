#include "stages/model/backbone_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Backbone Describe(const char* name) { return DescribeBackbone(name).value(); }

TEST(BackboneCatalogTest, EveryNameIsDescribedOnce) {
  std::set<std::string> names;
  for (const std::string& name : BackboneNames()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    const auto backbone = DescribeBackbone(name);
    ASSERT_TRUE(backbone.ok()) << name;
    EXPECT_EQ(backbone->name, name);
  }
  EXPECT_EQ(names.size(), 21U);
}

TEST(BackboneCatalogTest, UnknownNameGetsTheList) {
  const auto backbone = DescribeBackbone("vgg17");
  ASSERT_FALSE(backbone.ok());
  EXPECT_EQ(backbone.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(backbone.status().cause(), HasSubstr("no backbone named vgg17"));
  EXPECT_THAT(backbone.status().cure(), HasSubstr("vgg16, vgg19"));
}

TEST(BackboneCatalogTest, DimensionsOfRows) {
  const Backbone vgg = Describe("vgg16");
  EXPECT_EQ(FeatureDimension(vgg, "full", "average", 224).value(), 512);
  EXPECT_EQ(FeatureDimension(vgg, "full", "average4", 224).value(), 512);
  EXPECT_EQ(FeatureDimension(vgg, "full", "flatten", 224).value(), 25088);
  EXPECT_EQ(FeatureDimension(vgg, "block3", "max", 224).value(), 256);
  const Backbone lite = Describe("efficientnet_lite0");
  EXPECT_EQ(FeatureDimension(lite, "full", "average", 224).value(), 1280);
  EXPECT_EQ(FeatureDimension(lite, "block5", "average", 224).value(), 112);
  EXPECT_EQ(FeatureDimension(lite, "stem", "flatten", 33).value(),
            32 * 17 * 17);
}

TEST(BackboneCatalogTest, BlocksEndWhereTheMapIsWhatThePapersSay) {
  const Backbone lite = Describe("efficientnet_lite0");
  const auto shapes = LayerShapes(lite, 224).value();
  std::vector<std::string> maps;
  for (const Block& block : lite.blocks) {
    const MapShape& map = shapes[static_cast<std::size_t>(block.last_layer)];
    maps.push_back(block.name + " " + std::to_string(map.channels) + "x" +
                   std::to_string(map.height));
  }
  EXPECT_THAT(maps, ElementsAre("stem 32x112", "block1 16x112", "block2 24x56",
                                "block3 40x28", "block4 80x14", "block5 112x14",
                                "block6 192x7", "block7 320x7", "head 1280x7"));
}

TEST(BackboneCatalogTest, UnknownCutNamesTheBlocks) {
  const auto cut = CutLayer(Describe("vgg16"), "block6");
  ASSERT_FALSE(cut.ok());
  EXPECT_THAT(cut.status().cure(), HasSubstr("block1, block2, block3"));
}

TEST(BackboneCatalogTest, ImageTooSmallIsRefused) {
  EXPECT_FALSE(LayerShapes(Describe("vgg16"), 31).ok());
  EXPECT_TRUE(LayerShapes(Describe("vgg16"), 32).ok());
  EXPECT_FALSE(LayerShapes(Describe("efficientnet_lite0"), 0).ok());
  EXPECT_FALSE(
      FeatureDimension(Describe("vgg16"), "full", "average4", 64).ok());
}

TEST(BackboneCatalogTest, VisionTransformerTakesOneSize) {
  const Backbone vit = Describe("vit_b_16");
  EXPECT_TRUE(LayerShapes(vit, 224).ok());
  // 225 pixels would give as many patches.
  for (const int size : {208, 225, 240}) {
    const auto shapes = LayerShapes(vit, size);
    ASSERT_FALSE(shapes.ok()) << size;
    EXPECT_EQ(shapes.status().code(), StatusCode::kInvalid);
    EXPECT_THAT(shapes.status().cure(), HasSubstr("224"));
  }
}

TEST(BackboneCatalogTest, VisionTransformerGivesItsPatchesOrItsClassToken) {
  const Backbone vit = Describe("vit_b_16");
  EXPECT_EQ(FeatureDimension(vit, "full", "average", 224).value(), 768);
  EXPECT_EQ(FeatureDimension(vit, "full", "flatten", 224).value(), 768);
  EXPECT_FALSE(FeatureDimension(vit, "full", "average4", 224).ok());
  EXPECT_EQ(FeatureDimension(vit, "block12", "flatten", 224).value(),
            768 * 14 * 14);
}

std::size_t InputsOf(LayerKind kind) {
  return kind == LayerKind::kAdd || kind == LayerKind::kMultiply ? 2 : 1;
}

TEST(BackboneCatalogTest, LayersReadOnlyWhatStandsBeforeThem) {
  for (const std::string& name : BackboneNames()) {
    const Backbone backbone = Describe(name.c_str());
    for (std::size_t i = 0; i < backbone.layers.size(); ++i) {
      const Layer& layer = backbone.layers[i];
      if (layer.kind != LayerKind::kConcat) {
        ASSERT_EQ(layer.inputs.size(), InputsOf(layer.kind)) << name;
      }
      for (const int input : layer.inputs)
        EXPECT_TRUE(input >= Layer::kImage && input < static_cast<int>(i));
    }
  }
}

// What a part of the base is given that is trained by itself.
TEST(BackboneCatalogTest, LaterBlocksReadOnlyTheEndOfABlock) {
  for (const std::string& name : BackboneNames()) {
    const Backbone backbone = Describe(name.c_str());
    for (const Block& block : backbone.blocks) {
      const auto first = static_cast<std::size_t>(block.last_layer) + 1;
      for (std::size_t i = first; i < backbone.layers.size(); ++i)
        for (const int input : backbone.layers[i].inputs)
          EXPECT_GE(input, block.last_layer) << name << " " << block.name;
    }
    EXPECT_EQ(backbone.blocks.back().cut_layer,
              static_cast<int>(backbone.layers.size()) - 1);
  }
}

}  // namespace
}  // namespace besom::stages
