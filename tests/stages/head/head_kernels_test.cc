#include "stages/model/head/head_kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

std::vector<float> Draw(std::size_t count, std::uint64_t seed) {
  KeyedRandom random(seed, "kernels");
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

std::vector<const float*> Rows(const std::vector<float>& matrix, int count) {
  std::vector<const float*> rows;
  for (int r = 0; r < count; ++r)
    rows.push_back(matrix.data() + matrix.size() / count * r);
  return rows;
}

constexpr OptimizerKind kOptimizers[] = {
    OptimizerKind::kAdam, OptimizerKind::kAdamW, OptimizerKind::kSgd,
    OptimizerKind::kRmsProp};

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Case {
  int count, inputs, padded;
};
// Rows and inputs that fill the blocks and that do not; more than one chunk.
constexpr Case kCases[] = {{1, 1, 16},    {3, 7, 16},    {8, 64, 64},
                           {13, 300, 48}, {10, 530, 48}, {5, 1280, 32}};

std::vector<float> Product(const HeadKernels& kernels, const Case& c,
                           const std::vector<float>& data,
                           const std::vector<float>& weights,
                           const std::vector<float>& bias) {
  std::vector<float> out(static_cast<std::size_t>(c.count) * c.padded);
  kernels.product(Rows(data, c.count).data(), c.count, c.inputs, weights.data(),
                  bias.data(), c.padded, out.data());
  return out;
}

TEST(HeadKernelsTest, ProductsAreThoseOfDoublePrecision) {
  for (const Case& c : kCases) {
    const auto data = Draw(c.count * c.inputs, 1);
    const auto weights = Draw(c.inputs * c.padded, 2);
    const auto bias = Draw(c.padded, 3);
    const auto out = Product(BestHeadKernels(), c, data, weights, bias);
    for (int r = 0; r < c.count; ++r)
      for (int j = 0; j < c.padded; ++j) {
        double sum = bias[j];
        for (int i = 0; i < c.inputs; ++i)
          sum += static_cast<double>(data[r * c.inputs + i]) *
                 weights[i * c.padded + j];
        EXPECT_NEAR(out[r * c.padded + j], sum, 1e-6 * (10 + c.inputs));
      }
  }
}

TEST(HeadKernelsTest, EverySetGivesTheSameBits) {
  ASSERT_STREQ(RunnableHeadKernels().back()->name, "portable");
  for (const HeadKernels* set : RunnableHeadKernels())
    for (const Case& c : kCases) {
      const auto data = Draw(c.count * c.inputs, 1);
      const auto weights = Draw(c.inputs * c.padded, 2);
      const auto bias = Draw(c.padded, 3);
      const auto deltas = Draw(c.count * c.padded, 4);
      EXPECT_TRUE(SameBits(Product(BestHeadKernels(), c, data, weights, bias),
                           Product(*set, c, data, weights, bias)))
          << set->name;
      for (const auto kind : kOptimizers) {
        OptimizerStep step{kind, 0.01F, 0.1F, 0.02F, 3.0F};
        step.momentum = 0.9F;
        std::vector<std::vector<float>> after;
        for (const HeadKernels* kernels : {&BestHeadKernels(), set}) {
          auto w = weights;
          auto first = Draw(w.size(), 5), second = Draw(w.size(), 6);
          for (float& value : second) value *= value;
          kernels->update(Rows(data, c.count).data(), c.count, c.inputs,
                          deltas.data(), c.padded, step, w.data(), first.data(),
                          second.data());
          w.insert(w.end(), first.begin(), first.end());
          w.insert(w.end(), second.begin(), second.end());
          after.push_back(std::move(w));
        }
        EXPECT_TRUE(SameBits(after[0], after[1])) << set->name;
      }
    }
}

TEST(HeadKernelsTest, GradientThenStepIsTheUpdate) {
  for (const HeadKernels* set : RunnableHeadKernels())
    for (const Case& c : kCases) {
      const auto data = Draw(c.count * c.inputs, 1);
      const auto deltas = Draw(c.count * c.padded, 4);
      const auto rows = Rows(data, c.count);
      const int middle = c.inputs / 3;
      for (const auto kind : kOptimizers) {
        OptimizerStep step{kind, 0.01F, 0.1F, 0.02F, 3.0F};
        step.momentum = 0.9F;
        auto whole = Draw(c.inputs * c.padded, 2);
        auto first = Draw(whole.size(), 5);
        std::vector<float> second(whole.size(), 0.5F);
        auto halves = whole, first_too = first, second_too = second;
        set->update(rows.data(), c.count, c.inputs, deltas.data(), c.padded,
                    step, whole.data(), first.data(), second.data());
        std::vector<float> gradient(whole.size());
        set->gradient(rows.data(), c.count, 0, middle, deltas.data(), c.padded,
                      gradient.data());
        set->gradient(rows.data(), c.count, middle, c.inputs, deltas.data(),
                      c.padded, gradient.data() + middle * c.padded);
        set->apply(gradient.data(), static_cast<int>(gradient.size()), step,
                   halves.data(), first_too.data(), second_too.data());
        EXPECT_TRUE(SameBits(whole, halves)) << set->name;
        EXPECT_TRUE(SameBits(first, first_too)) << set->name;
        EXPECT_TRUE(SameBits(second, second_too)) << set->name;
      }
    }
}

// Arrays of any length, as those of a base's tensors: the last numbers are
// treated as the others, and what lies behind them is left alone.
TEST(HeadKernelsTest, AStepOnAnyNumberOfWeightsIsThatOnEach) {
  for (const HeadKernels* set : RunnableHeadKernels())
    for (const auto kind : kOptimizers)
      for (const int count : {1, 15, 16, 17, 50}) {
        OptimizerStep step{kind, 0.01F, 0.1F, 0.02F, 3.0F};
        step.momentum = 0.9F;
        const auto gradient = Draw(64, 1);
        const auto weights = Draw(64, 2), first = Draw(64, 3);
        const std::vector<float> second(64, 0.5F);
        auto whole = weights, first_whole = first, second_whole = second;
        set->apply(gradient.data(), 64, step, whole.data(), first_whole.data(),
                   second_whole.data());
        auto part = weights, first_part = first, second_part = second;
        set->apply(gradient.data(), count, step, part.data(), first_part.data(),
                   second_part.data());
        for (int i = 0; i < 64; ++i) {
          EXPECT_EQ(part[i], (i < count ? whole : weights)[i]) << i;
          EXPECT_EQ(first_part[i], (i < count ? first_whole : first)[i]) << i;
          EXPECT_EQ(second_part[i], (i < count ? second_whole : second)[i])
              << i;
        }
      }
}

TEST(HeadKernelsTest, SquaresAreSummedInEverySetAlike) {
  for (const int count : {0, 1, 16, 100, 1024, 1025, 5000}) {
    const auto values = Draw(count, 1);
    double sum = 0;
    for (const float value : values)
      sum += static_cast<double>(value) * static_cast<double>(value);
    const double best = BestHeadKernels().squares(values.data(), count);
    EXPECT_NEAR(best, sum, 1e-6 * sum);
    for (const HeadKernels* set : RunnableHeadKernels())
      EXPECT_EQ(set->squares(values.data(), count), best) << set->name;
  }
}

TEST(HeadKernelsTest, BlendsWithOneRounding) {
  for (const int count : {1, 16, 37}) {
    const auto from = Draw(40, 1), to = Draw(40, 2);
    for (const HeadKernels* set : RunnableHeadKernels()) {
      auto out = from;  // In place.
      set->blend(out.data(), to.data(), 0.3F, count, out.data());
      for (int i = 0; i < 40; ++i)
        EXPECT_EQ(out[i], i < count ? std::fma(0.3F, to[i] - from[i], from[i])
                                    : from[i]);
    }
  }
}

// Three heads of widths 16, 48 and 16 side by side are the same numbers as
// each alone, and a row alone is the same as among others.
TEST(HeadKernelsTest, NeighboursDoNotChangeABit) {
  const int inputs = 700, rows = 11;
  const auto data = Draw(rows * inputs, 1);
  const auto wide = Draw(inputs * 80, 2);
  const auto bias = Draw(80, 3);
  for (const HeadKernels* set : RunnableHeadKernels()) {
    const auto together = Product(*set, {rows, inputs, 80}, data, wide, bias);
    for (const auto& [begin, width] : {std::pair{0, 16}, {16, 48}, {64, 16}}) {
      std::vector<float> own;
      for (int i = 0; i < inputs; ++i)
        own.insert(own.end(), wide.begin() + i * 80 + begin,
                   wide.begin() + i * 80 + begin + width);
      const std::vector<float> own_bias(bias.begin() + begin,
                                        bias.begin() + begin + width);
      for (int r = 0; r < rows; ++r) {
        const std::vector<float> row(data.begin() + r * inputs,
                                     data.begin() + (r + 1) * inputs);
        const auto alone =
            Product(*set, {1, inputs, width}, row, own, own_bias);
        const std::vector<float> same(
            together.begin() + r * 80 + begin,
            together.begin() + r * 80 + begin + width);
        EXPECT_TRUE(SameBits(alone, same)) << set->name << " " << begin;
      }
    }
  }
}

TEST(HeadKernelsTest, MasksAreWordsOfPhilox) {
  const std::uint32_t stream[4] = {11, 22, 33, 44};
  const std::uint32_t threshold = 0x40000000;  // A quarter.
  const int count = 16 * 37;
  std::vector<float> expected;
  for (std::uint32_t block = 0; expected.size() < count; ++block)
    for (const std::uint32_t word :
         Philox4x32({block, 0, stream[2], stream[3]}, {stream[0], stream[1]}))
      expected.push_back(word < threshold ? 0.0F : 1.25F);
  for (const HeadKernels* set : RunnableHeadKernels()) {
    std::vector<float> mask(count);
    set->mask(stream, threshold, 1.25F, count, mask.data());
    EXPECT_EQ(mask, expected) << set->name;
  }
}

TEST(HeadKernelsTest, PaddingStaysZero) {
  std::vector<float> weights(16, 0.0F), first = weights, second = weights;
  std::vector<float> deltas(16, 0.0F);
  weights[0] = deltas[0] = 1;
  const std::vector<float> data = {2};
  OptimizerStep step{OptimizerKind::kAdam, 0.1F, 0.1F, 0.1F, 1.0F};
  BestHeadKernels().update(Rows(data, 1).data(), 1, 1, deltas.data(), 16, step,
                           weights.data(), first.data(), second.data());
  EXPECT_NE(weights[0], 1.0F);
  for (int c = 1; c < 16; ++c) EXPECT_EQ(weights[c], 0.0F);
}

}  // namespace
}  // namespace besom::stages
