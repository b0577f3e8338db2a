#include "stages/model/head/head_model.h"

#include <gtest/gtest.h>

#include <numeric>

#include "stages/model/safetensors.h"

namespace besom::stages {
namespace {

HeadModel Sample() {
  return {InitialWeights(5, {7}, 3, HeadInit::kTorch, {1, 0, 0}),
          {{"classes", {"covid", "normal", "flu"}}, {"chosen_epoch", 4}}};
}

TEST(HeadModelTest, SurvivesItsFile) {
  const HeadModel model = Sample();
  const std::string blob = model.ToBlob();
  EXPECT_EQ(blob, Sample().ToBlob());
  const auto read = HeadModel::FromBlob(Artifact::FromBytes(blob));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->layers(), model.layers());
  EXPECT_EQ(read->description(), model.description());
  EXPECT_EQ(read->classes().at(2), "flu");
  EXPECT_EQ(read->dimension(), 5);
}

TEST(HeadModelTest, TheFileHasPyTorchsNamesAndLayout) {
  const HeadModel model = Sample();
  const auto file =
      Safetensors::Open(Artifact::FromBytes(model.ToBlob()), "test");
  ASSERT_TRUE(file.ok());
  const auto weight = file->Floats("head.0.weight", {7, 5});
  ASSERT_TRUE(weight.ok()) << weight.status().ToString();
  EXPECT_EQ((*weight)[2 * 5 + 4], model.layers()[0].weights[4 * 16 + 2]);
  EXPECT_TRUE(file->Floats("head.1.bias", {3}).ok());
}

TEST(HeadModelTest, ProbabilitiesSumToOneAndRowsAreIndependent) {
  const HeadModel model = Sample();
  std::vector<float> data(130 * 5);
  std::iota(data.begin(), data.end(), -300.0F);
  std::vector<const float*> rows;
  for (int r = 0; r < 130; ++r) rows.push_back(data.data() + 5 * r);
  const auto outputs = model.Evaluate(rows);
  ASSERT_EQ(outputs.size(), 130u);
  for (int r = 0; r < 130; ++r) {
    const auto& p = outputs[r].probabilities;
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-12);
    EXPECT_EQ(model.Evaluate(std::span(rows).subspan(r, 1))[0].probabilities,
              p);
  }
}

TEST(HeadModelTest, OtherBytesAreCorruptNotACrash) {
  const HeadModel model = Sample();
  std::string blob = model.ToBlob();
  const auto code = [](std::string bytes) {
    return HeadModel::FromBlob(Artifact::FromBytes(std::move(bytes)))
        .status()
        .code();
  };
  EXPECT_EQ(code(""), StatusCode::kCorrupt);
  EXPECT_EQ(code(blob.substr(0, blob.size() - 1)), StatusCode::kCorrupt);
  const std::vector<float> values(6);
  EXPECT_EQ(code(PackSafetensors({{"head.0.weight", {2, 3}, values}}, {})),
            StatusCode::kCorrupt);
  EXPECT_EQ(
      code(PackSafetensors({{"head.0.weight", {2, 3}, values},
                            {"head.0.bias", {2}, std::span(values).first(2)}},
                           {{"besom", R"({"classes": ["a", "b", "c"]})"}})),
      StatusCode::kCorrupt);
}

}  // namespace
}  // namespace besom::stages
