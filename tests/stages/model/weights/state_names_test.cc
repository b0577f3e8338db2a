#include "stages/model/weights/state_names.h"

#include <gtest/gtest.h>

namespace besom::stages {
namespace {

std::string NameOf(const char* backbone, const char* name) {
  return StateNameOf(backbone, name).name;
}

TEST(StateNamesTest, KerasSpellsItsVggInThreeWays) {
  for (const char* name :
       {"block1_conv2/block1_conv2_W_1:0", "block1_conv2/block1_conv2/kernel:0",
        "block1_conv2/kernel"}) {
    const StateName state = StateNameOf("vgg16", name);
    EXPECT_EQ(state.name, "features.2.weight") << name;
    EXPECT_EQ(state.order, AxisOrder::kKerasKernel);
    EXPECT_TRUE(IsKerasName(name));
  }
  EXPECT_EQ(NameOf("vgg16", "block1_conv2/block1_conv2_b_1:0"),
            "features.2.bias");
}

TEST(StateNamesTest, VggLayersAreCountedWithTheirPools) {
  // torchvision's vgg16().features and vgg19().features.
  EXPECT_EQ(NameOf("vgg16", "block3_conv1/kernel"), "features.10.weight");
  EXPECT_EQ(NameOf("vgg16", "block5_conv3/kernel"), "features.28.weight");
  EXPECT_EQ(NameOf("vgg19", "block4_conv1/kernel"), "features.19.weight");
  EXPECT_EQ(NameOf("vgg19", "block5_conv4/bias"), "features.34.bias");
  EXPECT_EQ(NameOf("vgg16", "block5_conv4/bias"), "block5_conv4/bias");
  EXPECT_EQ(NameOf("vgg16", "block6_conv1/bias"), "block6_conv1/bias");
  EXPECT_EQ(NameOf("vgg16", "block1_conv2_x/bias"), "block1_conv2_x/bias");
}

TEST(StateNamesTest, KerasDenseNet) {
  const char* name = "densenet121";
  EXPECT_EQ(NameOf(name, "conv1/conv/conv1/conv/kernel:0"),
            "features.conv0.weight");
  EXPECT_EQ(NameOf(name, "conv1/bn/conv1/bn/gamma:0"), "features.norm0.weight");
  EXPECT_EQ(NameOf(name, "conv5_block16_0_bn/conv5_block16_0_bn/beta:0"),
            "features.denseblock4.denselayer16.norm1.bias");
  EXPECT_EQ(NameOf(name, "conv2_block1_2_conv/conv2_block1_2_conv/kernel:0"),
            "features.denseblock1.denselayer1.conv2.weight");
  EXPECT_EQ(NameOf(name, "pool2_bn/pool2_bn/moving_mean:0"),
            "features.transition1.norm.running_mean");
  EXPECT_EQ(NameOf(name, "pool4_conv/pool4_conv/kernel:0"),
            "features.transition3.conv.weight");
  const StateName variance = StateNameOf(name, "bn/bn/moving_variance:0");
  EXPECT_EQ(variance.name, "features.norm5.running_var");
  EXPECT_EQ(variance.added, 1e-8F);
}

TEST(StateNamesTest, OlderNamesOfTorchvision) {
  EXPECT_EQ(NameOf("densenet121",
                   "features.denseblock1.denselayer2.norm.1.running_mean"),
            "features.denseblock1.denselayer2.norm1.running_mean");
  EXPECT_EQ(
      NameOf("vit_b_16", "encoder.layers.encoder_layer_3.mlp.linear_2.bias"),
      "encoder.layers.encoder_layer_3.mlp.3.bias");
  EXPECT_EQ(NameOf("resnet18", "layer1.0.conv1.weight"),
            "layer1.0.conv1.weight");
  EXPECT_FALSE(IsKerasName("features.0.weight"));
}

TEST(StateNamesTest, ClassifiersAreBeyondTheBase) {
  for (const char* name : {"fc.weight", "classifier.6.bias", "heads.head.bias",
                           "predictions/predictions/kernel:0"})
    EXPECT_TRUE(IsBeyondBase(name)) << name;
  for (const char* name : {"features.0.weight", "fc_extra.weight", "headroom"})
    EXPECT_FALSE(IsBeyondBase(name)) << name;
}

}  // namespace
}  // namespace besom::stages
