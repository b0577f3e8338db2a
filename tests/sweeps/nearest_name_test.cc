#include <gtest/gtest.h>

#include "sweeps/diagnostics.h"

namespace besom::sweeps {
namespace {

const std::vector<std::string> kNames = {"epochs", "batch_size", "dropout",
                                         "model.dropout"};

TEST(NearestNameTest, FindsTypingMistakes) {
  EXPECT_EQ(NearestName("epocs", kNames), "epochs");
  EXPECT_EQ(NearestName("Epochs", kNames), "epochs");
  EXPECT_EQ(NearestName("droupot", kNames), "dropout");
  EXPECT_EQ(NearestName("batchsize", kNames), "batch_size");
  EXPECT_EQ(NearestName("train.dropuot", kNames), "model.dropout");
}

TEST(NearestNameTest, SuggestsNothingForStrangers) {
  EXPECT_EQ(NearestName("zzz", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName(std::string(100000, 'e'), kNames), "");
}

}  // namespace
}  // namespace besom::sweeps
