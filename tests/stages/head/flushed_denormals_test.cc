#include "stages/model/flushed_denormals.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <thread>

#include "stages/model/head/fused_fit.h"
#include "stages/model/head/head_fit.h"
#include "tests/stages/head/corner_fit.h"

namespace besom::stages {
namespace {

// Not a constant to the compiler.
volatile float g_smallest = std::numeric_limits<float>::min();

float Half() { return g_smallest * 0.5F; }

#if defined(__x86_64__)
TEST(FlushedDenormalsTest, LastsAsLongAsItLivesAndReachesNewThreads) {
  EXPECT_NE(Half(), 0);
  {
    const FlushedDenormals flushed;
    EXPECT_EQ(Half(), 0);
    { const FlushedDenormals again; }
    EXPECT_EQ(Half(), 0);
    float elsewhere = 1;
    std::jthread([&] { elsewhere = Half(); }).join();
    EXPECT_EQ(elsewhere, 0);
  }
  EXPECT_NE(Half(), 0);
}
#endif

class DenormalFitTest : public CornerFit {
 protected:
  // Features below the normal range and steps that make up for it.
  DenormalFitTest() : CornerFit(30, 12) {
    for (float& value : train_) value *= 1e-39F;
    head_.head.hidden = {};
    head_.train.epochs = 2;
    head_.train.optimizer = OptimizerKind::kSgd;
    head_.train.learning_rate = 1e38;
  }

  HeadToFit head_;
};

TEST_F(DenormalFitTest, WhatTheThreadDidBeforeDecidesNothing) {
  for (const int shards : {1, 2}) {
    const auto fit = [&] {
      return FitHead(data_, head_, 5, {}, BestHeadKernels(), {.count = shards});
    };
    const auto plain = fit();
    std::optional<FlushedDenormals> flushed(std::in_place);
    const auto after = fit();
    flushed.reset();
    ASSERT_TRUE(plain.ok()) << plain.status().ToString();
    EXPECT_EQ(after->weights, plain->weights);
    EXPECT_EQ(after->epochs[1].train_loss, plain->epochs[1].train_loss);
  }
}

}  // namespace
}  // namespace besom::stages
