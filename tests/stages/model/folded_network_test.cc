#include "stages/model/folded_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <numeric>

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

ParameterSource SourceOf(std::map<std::string, std::vector<float>> numbers) {
  return [numbers = std::move(numbers)](
             const Parameter& parameter) -> Result<std::vector<float>> {
    const auto it = numbers.find(parameter.name);
    if (it == numbers.end()) return InvalidError(parameter.name, "missing");
    return it->second;
  };
}

/// image - conv "c" - norm "n" - relu6 -+- add
///                                      +---+
Backbone Tiny() {
  Backbone backbone{.name = "tiny"};
  backbone.layers = {{.kind = LayerKind::kConv,
                      .name = "c",
                      .inputs = {Layer::kImage},
                      .in_channels = 1,
                      .out_channels = 2},
                     {.kind = LayerKind::kBatchNorm,
                      .name = "n",
                      .inputs = {0},
                      .in_channels = 2,
                      .out_channels = 2,
                      .epsilon = 0.75},
                     {.kind = LayerKind::kRelu6, .inputs = {1}},
                     {.kind = LayerKind::kAdd, .inputs = {2, 2}}};
  return backbone;
}

// With variance 3.25 and epsilon 0.75 the deviation is 2.
TEST(FoldedNetworkTest, FoldsNormAndActivationIntoTheConvolution) {
  const auto network = FoldNetwork(Tiny(), std::array{3},
                                   SourceOf({{"c.weight", {4, -6}},
                                             {"n.weight", {1, 3}},
                                             {"n.bias", {10, 20}},
                                             {"n.running_mean", {2, -4}},
                                             {"n.running_var", {3.25, 3.25}}}));
  ASSERT_TRUE(network.ok()) << network.status().ToString();
  ASSERT_EQ(network->layers.size(), 2U);
  const FoldedLayer& conv = network->layers[0];
  EXPECT_THAT(conv.weight, ElementsAre(FloatEq(2), FloatEq(-9)));
  EXPECT_THAT(conv.bias, ElementsAre(FloatEq(9), FloatEq(26)));
  EXPECT_EQ(conv.activation, LayerKind::kRelu6);
  EXPECT_THAT(network->layers[1].layer.inputs, ElementsAre(0, 0));
}

// A cut at the convolution and one at the norm would else differ in rounding.
TEST(FoldedNetworkTest, TheEndOfABlockIsKeptForWhoeverReadsIt) {
  Backbone backbone = Tiny();
  backbone.blocks = {{"one", 2}, {"two", 3}};
  const auto source = SourceOf({{"c.weight", {4, -6}},
                                {"n.weight", {1, 3}},
                                {"n.bias", {10, 20}},
                                {"n.running_mean", {2, -4}},
                                {"n.running_var", {3.25, 3.25}}});
  const auto both = FoldNetwork(backbone, std::array{3, 2}, source);
  ASSERT_TRUE(both.ok()) << both.status().ToString();
  EXPECT_THAT(both->outputs, ElementsAre(1, 0));
  EXPECT_EQ(FoldNetwork(backbone, std::array{2}, source)->layers.size(), 1U);
}

TEST(FoldedNetworkTest, AMissingParameterIsTheSourcesError) {
  const auto network =
      FoldNetwork(Tiny(), std::array{3}, SourceOf({{"c.weight", {1, 1}}}));
  ASSERT_FALSE(network.ok());
  EXPECT_EQ(network.status().place(), "n.weight");
}

TEST(RandomParametersTest, DrawsDependOnSeedBackboneAndNameAlone) {
  const Parameter a{"a.weight", {64, 8, 3, 3}};
  const auto draw = [&](std::uint64_t seed, const char* backbone,
                        const char* name) {
    return RandomParameters(seed, backbone)({name, a.shape}).value();
  };
  EXPECT_EQ(draw(1, "x", "a.weight"), draw(1, "x", "a.weight"));
  EXPECT_NE(draw(1, "x", "a.weight"), draw(2, "x", "a.weight"));
  EXPECT_NE(draw(1, "x", "a.weight"), draw(1, "y", "a.weight"));
  EXPECT_NE(draw(1, "x", "a.weight"), draw(1, "x", "b.weight"));
}

// 4608 draws: the sample variance is within 10 % of 2 / (64 * 9).
TEST(RandomParametersTest, ConvolutionsKeepTheVarianceOfGradients) {
  const auto numbers =
      RandomParameters(1, "x")({"a.weight", {64, 8, 3, 3}}).value();
  const double squares =
      std::inner_product(numbers.begin(), numbers.end(), numbers.begin(), 0.0);
  EXPECT_NEAR(squares / static_cast<double>(numbers.size()), 2.0 / 576,
              0.1 * 2.0 / 576);
}

TEST(RandomParametersTest, NormsStartAsTheIdentity) {
  const auto source = RandomParameters(1, "x");
  EXPECT_THAT(source({"n.weight", {2}}).value(), ElementsAre(1, 1));
  EXPECT_THAT(source({"n.running_var", {2}}).value(), ElementsAre(1, 1));
  EXPECT_THAT(source({"n.bias", {2}}).value(), ElementsAre(0, 0));
  EXPECT_THAT(source({"n.running_mean", {2}}).value(), ElementsAre(0, 0));
}

}  // namespace
}  // namespace besom::stages
