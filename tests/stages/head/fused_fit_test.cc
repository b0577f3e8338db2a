// Many heads trained together: each the same bits as alone.
#include "stages/model/head/fused_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "stages/model/head/epoch_draws.h"
#include "stages/model/head/head_fit.h"
#include "stages/model/head/head_training.h"
#include "tests/stages/head/corner_fit.h"
#include "tests/stages/head/mixed_heads.h"

namespace besom::stages {
namespace {

using testing::HasSubstr;

class FusedFitTest : public CornerFit {
 protected:
  FusedFitTest() : CornerFit(61, 30) {}

  std::vector<Result<FitResult>> Together(const std::vector<HeadToFit>& heads,
                                          int threads = 2) const {
    auto fits = FitHeads(data_, heads, 5, {}, threads);
    return std::move(fits).value();
  }

  Result<FitResult> Alone(const HeadToFit& head) const {
    return FitHead(data_, head, 5, {});
  }

  std::vector<HeadToFit> heads_ = MixedHeads();
};

TEST_F(FusedFitTest, AHeadIsTheSameAloneAndAmongEighteenOnAnyThreads) {
  std::vector<Result<FitResult>> alone;
  for (const HeadToFit& head : heads_) alone.push_back(Alone(head));
  for (std::size_t i = 1; i < alone.size(); ++i)
    EXPECT_NE(alone[i]->weights, alone[i - 1]->weights) << i;
  for (const int threads : {1, 2, 5, 40}) {
    const auto together = Together(heads_, threads);
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      SCOPED_TRACE(testing::Message() << i << ", " << threads << " threads");
      ExpectSame(together[i], alone[i]);
    }
  }
}

TEST_F(FusedFitTest, AHeadIsTheSameAtAnyPlace) {
  const auto before = Together(heads_);
  for (int turn = 0; turn < 3; ++turn) {
    std::vector<std::size_t> order(heads_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    KeyedRandom(7, "turn", {static_cast<std::uint64_t>(turn)}).Shuffle(order);
    std::vector<HeadToFit> turned;
    for (const std::size_t i : order) turned.push_back(heads_[i]);
    const auto after = Together(turned);
    for (std::size_t i = 0; i < order.size(); ++i)
      ExpectSame(after[i], before[order[i]]);
  }
}

TEST_F(FusedFitTest, AHeadIsTheSameInAnyPair) {
  const auto all = Together(heads_);
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    const std::size_t other = (i * 5 + 1) % heads_.size();
    const auto pair = Together({heads_[other], heads_[i]});
    ExpectSame(pair[0], all[other]);
    ExpectSame(pair[1], all[i]);
  }
}

// A dimension at which a block holds fewer rows than an epoch, so that heads
// stop within it, also in the middle of a batch.
TEST_F(FusedFitTest, BlocksDoNotChangeABit) {
  const int dimension = (16 << 20) / 4 / 7;
  std::vector<float> wide(static_cast<std::size_t>(dimension) + 61 * kInputs);
  KeyedRandom random(1, "wide");
  for (float& value : wide) value = static_cast<float>(random.Uniform(0, 0.01));
  data_.dimension = dimension;
  data_.train_labels.resize(20);
  data_.train_rows = [&](int) {
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < 20; ++i)
      rows.push_back(wide.data() + i * kInputs);
    return Result(rows);
  };
  data_.validation_labels.clear();
  data_.validation_rows.clear();
  HeadToFit small;
  small.head.hidden = {};
  small.head.dropout = 0;
  small.train.epochs = 2;
  HeadToFit large = small;
  large.train.batch_size = 20;  // One step, whatever the block.
  const auto together = Together({small, large});
  ASSERT_TRUE(together[0].ok()) << together[0].status().ToString();
  // Steps by hand: what a loop without blocks does.
  HeadTraining training(
      InitialWeights(dimension, {}, 3, HeadInit::kTorch, small.key),
      small.train, BestHeadKernels());
  const LossSettings loss{{1, 1, 1}};
  for (int epoch = 0; epoch < 2; ++epoch) {
    const auto rows = data_.train_rows(epoch).value();
    const auto order =
        EpochOrder(data_.train_labels, small.train, 5, small.key, epoch);
    for (std::size_t begin = 0; begin < order.size(); begin += 8) {
      std::vector<const float*> batch;
      std::vector<int> labels;
      for (std::size_t i = begin; i < std::min<std::size_t>(begin + 8, 20);
           ++i) {
        batch.push_back(rows[order[i]]);
        labels.push_back(data_.train_labels[order[i]]);
      }
      ASSERT_TRUE(training
                      .Step({.rows = batch,
                             .targets = {.labels = labels},
                             .loss = loss,
                             .masks = {},
                             .learning_rate = small.train.learning_rate})
                      .ok());
    }
  }
  EXPECT_EQ(together[0]->weights, training.Weights());
  ExpectSame(together[1], Alone(large));
}

TEST_F(FusedFitTest, EachStopsEarlyByItself) {
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    heads_[i].train.epochs = 12;
    heads_[i].train.patience = static_cast<int>(i % 3);
    heads_[i].train.learning_rate *= 20;
  }
  const auto together = Together(heads_);
  std::set<std::size_t> lengths;
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    ExpectSame(together[i], Alone(heads_[i]));
    lengths.insert(together[i]->epochs.size());
  }
  EXPECT_GT(lengths.size(), 2u);
}

// What is not trained any more must not be asked for, either.
TEST_F(FusedFitTest, NothingIsFetchedOnceAllHaveStopped) {
  std::vector<int> fetched;
  data_.train_rows = [&](int epoch) {
    fetched.push_back(epoch);
    return Result(RowsOf(train_));
  };
  for (HeadToFit& head : heads_) {
    head.train.epochs = 50;
    head.train.patience = 2;
    head.train.keep_metric = "support/covid";  // Equal in every epoch.
  }
  double share = 0;
  const auto fits = FitHeads(data_, heads_, 5, [&](double now) {
    share = now;
    return false;
  });
  for (const auto& fit : fits.value()) EXPECT_EQ(fit->epochs.size(), 3u);
  EXPECT_THAT(fetched, testing::ElementsAre(0, 1, 2));
  EXPECT_EQ(share, 1);
}

TEST_F(FusedFitTest, AHeadThatFailsLeavesTheOthersAlone) {
  const auto before = Together(heads_);
  heads_[2].train.learning_rate = 1e30;  // SGD.
  heads_[7].train.class_weights = {{"flu", 1}};
  const auto after = Together(heads_);
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    if (i != 2 && i != 7) ExpectSame(after[i], before[i]);
  }
  EXPECT_EQ(after[2].status().code(), StatusCode::kFailed);
  EXPECT_EQ(after[2].status().ToString(), Alone(heads_[2]).status().ToString());
  EXPECT_EQ(after[7].status().code(), StatusCode::kInvalid);
  EXPECT_THAT(after[7].status().ToString(), HasSubstr("flu"));
}

TEST_F(FusedFitTest, RowsThatCannotBeReadEndAll) {
  data_.train_rows = [](int) -> Result<std::vector<const float*>> {
    return IoError("features", "the disk is gone");
  };
  EXPECT_EQ(FitHeads(data_, heads_, 5, {}, 2).status().code(), StatusCode::kIo);
}

TEST_F(FusedFitTest, ProgressIsTheShareOfEpochsAndMayStopAll) {
  std::vector<double> shares;
  const auto note = [&](double share) {
    shares.push_back(share);
    return false;
  };
  ASSERT_TRUE(FitHeads(data_, heads_, 5, note, 3).ok());
  std::size_t epochs = 0;
  for (const HeadToFit& head : heads_)
    epochs += static_cast<std::size_t>(head.train.epochs);
  EXPECT_EQ(shares.size(), epochs);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_EQ(shares.back(), 1);
  const auto stopped = FitHeads(
      data_, heads_, 5, [](double share) { return share > 0.4; }, 3);
  EXPECT_EQ(stopped.status().code(), StatusCode::kInterrupted);
}

TEST_F(FusedFitTest, NoHeadsAreNoWork) { EXPECT_TRUE(Together({}).empty()); }

}  // namespace
}  // namespace besom::stages
