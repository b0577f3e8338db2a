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

  static constexpr int kInputs = 24;
  std::vector<float> train_, validation_;
  FitData data_;
};

}  // namespace besom::stages
