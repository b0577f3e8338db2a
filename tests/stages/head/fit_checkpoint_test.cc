// Fits that were stopped and go on from a checkpoint: the same bits as of one
// that never was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "cluster/group_threads.h"
#include "stages/model/head/fit_state.h"
#include "stages/model/head/fused_fit.h"
#include "stages/model/head/head_fit.h"
#include "tests/fakes/memory_checkpoint.h"
#include "tests/stages/head/corner_fit.h"
#include "tests/stages/head/mixed_heads.h"
#include "tests/stages/head/scaling_base.h"

namespace besom::stages {
namespace {

using Moment = Checkpoint::Moment;
using besom::testing::MemoryCheckpoint;

class FitCheckpointTest : public CornerFit {
 protected:
  FitCheckpointTest() : CornerFit(61, 30) {
    for (HeadToFit& head : heads_) head.train.epochs += 3;
  }

  /// All heads in one call, each with its checkpoint.
  Result<std::vector<Result<FitResult>>> Together(
      std::vector<MemoryCheckpoint>& checkpoints,
      const std::function<bool(double)>& progress = {}) const {
    std::vector<HeadToFit> heads = heads_;
    for (std::size_t i = 0; i < heads.size(); ++i)
      heads[i].checkpoint = &checkpoints[i];
    return FitHeads(data_, heads, 5, progress, 2);
  }

  std::vector<Result<FitResult>> NeverStopped() const {
    return FitHeads(data_, heads_, 5, {}, 2).value();
  }

  std::vector<HeadToFit> heads_ = MixedHeads();
};

TEST_F(FitCheckpointTest, EachGoesOnFromAnyEpochAlone) {
  const auto whole = NeverStopped();
  std::vector<MemoryCheckpoint> checkpoints(heads_.size());
  ASSERT_TRUE(Together(checkpoints).ok());
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    const std::vector<std::string>& saved = checkpoints[i].saved;
    EXPECT_EQ(saved.size(), whole[i]->epochs.size() - 1);
    for (std::size_t epoch = 0; epoch < saved.size(); ++epoch) {
      SCOPED_TRACE(::testing::Message() << "head " << i << ", " << epoch);
      MemoryCheckpoint checkpoint;
      checkpoint.at = saved[epoch];
      HeadToFit head = heads_[i];
      head.checkpoint = &checkpoint;
      int epochs = 0;
      const auto fit = FitHead(data_, head, 5, [&](double) {
        ++epochs;
        return false;
      });
      ExpectSame(fit, whole[i]);
      EXPECT_EQ(fit->resumed_epoch, static_cast<int>(epoch) + 1);
      // One call for what had been done, and one for each epoch.
      EXPECT_EQ(epochs, static_cast<int>(saved.size() - epoch) + 1);
    }
  }
}

// Members of a call come back with as many epochs as each has.
TEST_F(FitCheckpointTest, ManyGoOnTogetherFromEpochsOfTheirOwn) {
  const auto whole = NeverStopped();
  std::vector<MemoryCheckpoint> checkpoints(heads_.size());
  ASSERT_TRUE(Together(checkpoints).ok());
  std::vector<MemoryCheckpoint> mixed(heads_.size());
  for (std::size_t i = 0; i < heads_.size(); ++i)
    if (i % 4 != 0)
      mixed[i].at = checkpoints[i].saved[i % checkpoints[i].saved.size()];
  const auto fits = Together(mixed);
  ASSERT_TRUE(fits.ok());
  for (std::size_t i = 0; i < heads_.size(); ++i)
    ExpectSame((*fits)[i], whole[i]);
}

TEST_F(FitCheckpointTest, AStopLeavesAllThatWasDone) {
  const auto whole = NeverStopped();
  for (const double at : {0.1, 0.5, 0.95}) {
    std::vector<MemoryCheckpoint> checkpoints(heads_.size());
    for (MemoryCheckpoint& one : checkpoints) one.due = {Moment::kStop};
    const auto stopped =
        Together(checkpoints, [&](double share) { return share > at; });
    ASSERT_EQ(stopped.status().code(), StatusCode::kInterrupted);
    const auto fits = Together(checkpoints);
    ASSERT_TRUE(fits.ok());
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      ExpectSame((*fits)[i], whole[i]);
      EXPECT_TRUE((*fits)[i]->resumed_epoch) << i;
    }
  }
}

TEST_F(FitCheckpointTest, ShardedFitsGoOnByAnyNumberOfRanks) {
  HeadToFit head = heads_[8];
  // Losses that often rise, so that the plateau's counters matter.
  head.train.schedule.kind = ScheduleKind::kPlateau;
  head.train.schedule.patience = 1;
  head.train.learning_rate = 0.2;
  head.train.epochs = 9;
  head.train.ema = 0.5;
  const auto whole =
      FitHead(data_, head, 5, {}, BestHeadKernels(), {.count = 2});
  ASSERT_TRUE(whole.ok());
  MemoryCheckpoint checkpoint;
  head.checkpoint = &checkpoint;
  ExpectSame(FitHead(data_, head, 5, {}, BestHeadKernels(), {.count = 2}),
             whole);
  ASSERT_EQ(checkpoint.saved.size(), whole->epochs.size() - 1);
  for (const std::string& saved : checkpoint.saved)
    for (const int ranks : {1, 2}) {
      cluster::GroupThreads threads(ranks, 2);
      std::vector<MemoryCheckpoint> seen(2);
      threads.Run([&](cluster::Group& group) {
        HeadToFit mine = head;
        MemoryCheckpoint& own = seen[static_cast<std::size_t>(group.rank())];
        own.at = saved;
        mine.checkpoint = &own;
        ExpectSame(
            FitHead(data_, mine, 5, {}, BestHeadKernels(),
                    {.count = 2, .group = &group, .timeout_seconds = 60}),
            whole);
      });
      EXPECT_TRUE(seen[1].saved.empty()) << "only the leader saves";
    }
}

// Long epochs leave checkpoints between their steps.
TEST_F(FitCheckpointTest, UnfrozenFitsGoOnFromAnyStep) {
  HeadToFit head = heads_[2];
  head.train.epochs = 3;
  head.train.freeze_epochs = 1;
  head.train.base_learning_rate = 1e-3;
  head.train.ema = 0.9;
  head.train.clip_norm = 0.3;
  head.train.mixup = 0.4;
  MemoryCheckpoint checkpoint;
  checkpoint.due = {Moment::kStep};
  const auto fit = [&](const std::function<bool(double)>& progress = {}) {
    head.checkpoint = &checkpoint;
    return FitUnfrozen(data_, head, 5, progress,
                       std::make_unique<ScalingBase>(kInputs));
  };
  const auto whole = fit();
  ASSERT_TRUE(whole.ok()) << whole.status().ToString();
  // Eight steps an epoch; after the last one comes the epoch's end.
  const std::vector<std::string> all = std::exchange(checkpoint.saved, {});
  ASSERT_EQ(all.size(), 3U * 7U);
  for (std::size_t step = 0; step < all.size(); ++step) {
    checkpoint.at = all[step];
    const auto resumed = fit();
    ExpectSame(resumed, whole);
    EXPECT_EQ(resumed->resumed_epoch, static_cast<int>(step) / 7);
    EXPECT_EQ(std::exchange(checkpoint.saved, {}).size(),
              all.size() - step - 1);
  }
  checkpoint.at.reset();
  checkpoint.due = {Moment::kStop};
  EXPECT_EQ(fit([](double share) { return share > 0.4; }).status().code(),
            StatusCode::kInterrupted);
  EXPECT_EQ(checkpoint.saved.size(), 1U);
  ExpectSame(fit(), whole);
}

// A file system may show a file to one rank and not yet to another.
TEST_F(FitCheckpointTest, RanksThatSeeDifferentCheckpointsBeginAgain) {
  HeadToFit head = heads_[8];
  const auto whole =
      FitHead(data_, head, 5, {}, BestHeadKernels(), {.count = 2});
  MemoryCheckpoint checkpoint;
  head.checkpoint = &checkpoint;
  ASSERT_TRUE(
      FitHead(data_, head, 5, {}, BestHeadKernels(), {.count = 2}).ok());
  cluster::GroupThreads threads(2, 2);
  std::vector<MemoryCheckpoint> seen(2);
  seen[1].at = checkpoint.saved.front();
  threads.Run([&](cluster::Group& group) {
    HeadToFit mine = head;
    mine.checkpoint = &seen[static_cast<std::size_t>(group.rank())];
    const auto fit =
        FitHead(data_, mine, 5, {}, BestHeadKernels(),
                {.count = 2, .group = &group, .timeout_seconds = 60});
    ExpectSame(fit, whole);
    EXPECT_FALSE(fit->resumed_epoch);
  });
}

TEST_F(FitCheckpointTest, WhatIsNoCheckpointOfThisFitIsLeftAlone) {
  MemoryCheckpoint checkpoint, of_other;
  HeadToFit head = heads_[1], other = heads_[5];
  const auto whole = FitHead(data_, head, 5, {});
  other.checkpoint = &of_other;
  ASSERT_TRUE(FitHead(data_, other, 5, {}).ok());
  head.checkpoint = &checkpoint;
  ASSERT_TRUE(FitHead(data_, head, 5, {}).ok());
  std::string of_two_bytes_less = checkpoint.saved[0];
  of_two_bytes_less.resize(of_two_bytes_less.size() - 2);
  for (const std::string& wrong : {std::string(), std::string("no"),
                                   of_two_bytes_less, of_other.saved[0]}) {
    checkpoint.at = wrong;
    const auto fit = FitHead(data_, head, 5, {});
    ExpectSame(fit, whole);
    EXPECT_FALSE(fit->resumed_epoch);
  }
}

TEST_F(FitCheckpointTest, EqualStatesAreEqualBytes) {
  MemoryCheckpoint checkpoint;
  HeadToFit head = heads_[2];
  head.checkpoint = &checkpoint;
  ASSERT_TRUE(FitHead(data_, head, 5, {}).ok());
  for (const std::string& saved : checkpoint.saved) {
    const auto state = UnpackFitState(saved);
    ASSERT_TRUE(state.ok()) << state.status().ToString();
    EXPECT_EQ(PackFitState(*state), saved);
  }
}

}  // namespace
}  // namespace besom::stages
