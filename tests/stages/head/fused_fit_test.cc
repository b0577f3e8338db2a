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

namespace besom::stages {
namespace {

using testing::HasSubstr;

// Eighteen heads, no two alike in what is allowed to differ.
std::vector<HeadToFit> MixedHeads() {
  const std::vector<std::vector<int>> widths = {
      {}, {1}, {3}, {16}, {20}, {64, 8}, {128}, {5, 33, 17}, {40}};
  std::vector<HeadToFit> heads;
  for (std::size_t i = 0; i < 18; ++i) {
    HeadToFit& fit = heads.emplace_back();
    fit.head.hidden = widths[i % widths.size()];
    fit.head.dropout = i % 4 == 0 ? 0.0 : 0.1 * static_cast<double>(i % 4);
    fit.head.init = i % 5 == 0 ? HeadInit::kGlorot : HeadInit::kTorch;
    TrainSettings& train = fit.train;
    train.epochs = 3 + static_cast<int>(i % 3);
    train.batch_size = i % 6 == 5 ? 32 : 8;
    train.optimizer = i == 9       ? OptimizerKind::kRmsProp
                      : i % 3 == 0 ? OptimizerKind::kAdam
                      : i % 3 == 1 ? OptimizerKind::kAdamW
                                   : OptimizerKind::kSgd;
    train.learning_rate = 1e-3 * static_cast<double>(1 + i);
    train.weight_decay = i % 2 == 0 ? 0.01 : 0.0;
    train.class_weights = i % 4 == 1 ? "balanced" : "none";
    train.balance =
        i % 7 == 6 ? ClassBalance::kUndersample : ClassBalance::kNone;
    train.label_smoothing = i % 5 == 2 ? 0.1 : 0.0;
    train.focal_gamma = i % 7 == 3 ? 2.0 : 0.0;
    train.mixup = i % 5 == 1 ? 0.4 : 0.0;
    train.clip_norm = i % 5 == 4 ? 0.5 : 0.0;
    train.ema = i % 4 == 2 ? 0.9 : 0.0;
    train.schedule.kind = static_cast<ScheduleKind>(i % 6);
    train.schedule.step_size = 1;
    train.schedule.patience = 0;
    train.warmup.epochs = i % 4 == 3 ? 1 : 0;
    train.keep_best = i % 6 != 4;
    train.seed = i / 2;
    train.own_order = i % 8 == 7;
    fit.key = {train.seed, 0, 0};
  }
  return heads;
}

void ExpectSame(const Result<FitResult>& a, const Result<FitResult>& b) {
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
