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

TEST(BackboneCatalogTest, EveryNameIsEitherBuiltOrRefusedWithAWord) {
  std::set<std::string> names;
  for (const BackboneName& entry : BackboneNames()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    const auto backbone = DescribeBackbone(entry.name);
    ASSERT_EQ(backbone.ok(), entry.built) << entry.name;
    if (entry.built) {
      EXPECT_EQ(backbone->name, entry.name);
    } else {
      EXPECT_EQ(backbone.status().code(), StatusCode::kInvalid);
      EXPECT_THAT(backbone.status().cause(), HasSubstr("not built yet"));
      EXPECT_THAT(backbone.status().cure(), HasSubstr("vgg16"));
    }
  }
}

TEST(BackboneCatalogTest, UnknownNameIsNotTakenForAnUnbuiltOne) {
  const auto backbone = DescribeBackbone("vgg17");
  ASSERT_FALSE(backbone.ok());
  EXPECT_THAT(backbone.status().cause(), HasSubstr("no backbone named vgg17"));
}

// Counted over the convolution modules of torchvision's vgg16 and timm's
// tf_efficientnet_lite0 while an image of 224 x 224 passes through them.
TEST(BackboneCatalogTest, MultiplyAddsAreThoseOfTheReferenceModels) {
  const Backbone vgg = Describe("vgg16");
  EXPECT_EQ(MultiplyAdds(vgg, CutLayer(vgg, "full").value(), 224).value(),
            15'346'630'656);
  const Backbone lite = Describe("efficientnet_lite0");
  EXPECT_EQ(MultiplyAdds(lite, CutLayer(lite, "full").value(), 224).value(),
            383'907'552);
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

TEST(BackboneCatalogTest, LayersReadOnlyWhatStandsBeforeThem) {
  for (const char* name : {"vgg16", "efficientnet_lite0"}) {
    const Backbone backbone = Describe(name);
    for (std::size_t i = 0; i < backbone.layers.size(); ++i) {
      const Layer& layer = backbone.layers[i];
      ASSERT_EQ(layer.inputs.size(), layer.kind == LayerKind::kAdd ? 2U : 1U);
      for (const int input : layer.inputs)
        EXPECT_TRUE(input >= Layer::kImage && input < static_cast<int>(i));
    }
  }
}

}  // namespace
}  // namespace besom::stages
