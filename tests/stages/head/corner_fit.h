#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "pipeline/base/random.h"
#include "stages/model/head/head_fit.h"

namespace besom::stages {

/// Fits of three classes around three corners, so far apart that a head finds
/// them.
class CornerFit : public ::testing::Test {
 protected:
  CornerFit(int train_count, int validation_count) {
    Fill(train_count, 1, train_, data_.train_labels);
    Fill(validation_count, 2, validation_, data_.validation_labels);
    data_.classes = {"covid", "normal", "pneumonia"};
    data_.dimension = kInputs;
    data_.train_rows = [this](int) { return Result(RowsOf(train_)); };
    data_.validation_rows = RowsOf(validation_);
  }

  static void Fill(int count, std::uint64_t seed, std::vector<float>& values,
                   std::vector<int>& labels) {
    KeyedRandom random(seed, "fit data");
    for (int i = 0; i < count; ++i) {
      labels.push_back(i % 3);
      for (int k = 0; k < kInputs; ++k)
        values.push_back(
            static_cast<float>((k % 3 == i % 3 ? 2.0 : 0.0) + random.Normal()));
    }
  }

  static std::vector<const float*> RowsOf(const std::vector<float>& values) {
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < values.size(); i += kInputs)
      rows.push_back(values.data() + i);
    return rows;
  }

  /// Of two fits: the same bits.
  static void ExpectSame(const Result<FitResult>& a,
                         const Result<FitResult>& b) {
    ASSERT_TRUE(a.ok()) << a.status().ToString();
    ASSERT_TRUE(b.ok()) << b.status().ToString();
    EXPECT_EQ(a->weights, b->weights);
    EXPECT_EQ(a->chosen_epoch, b->chosen_epoch);
    EXPECT_EQ(a->stopped_early, b->stopped_early);
    EXPECT_EQ(a->class_weights, b->class_weights);
    ASSERT_EQ(a->epochs.size(), b->epochs.size());
    for (std::size_t e = 0; e < a->epochs.size(); ++e) {
      EXPECT_EQ(a->epochs[e].train_loss, b->epochs[e].train_loss);
      EXPECT_EQ(a->epochs[e].loss, b->epochs[e].loss);
      EXPECT_EQ(a->epochs[e].accuracy, b->epochs[e].accuracy);
      EXPECT_EQ(a->epochs[e].balanced_accuracy, b->epochs[e].balanced_accuracy);
    }
  }

  static constexpr int kInputs = 24;
  std::vector<float> train_, validation_;
  FitData data_;
};

}  // namespace besom::stages
