// One head trained by several ranks: the same bits for any number of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <thread>

#include "cluster/group_threads.h"
#include "cluster/self_group.h"
#include "stages/model/head/head_fit.h"
#include "tests/stages/head/corner_fit.h"

namespace besom::stages {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ShardedFitTest : public CornerFit {
 protected:
  ShardedFitTest() : CornerFit(61, 30) {
    // Batches of 8, and a last one of 5.
    head_.hidden = {20, 33};
    settings_.epochs = 6;
    settings_.learning_rate = 0.01;
    settings_.class_weights = "balanced";
  }

  Result<FitResult> FitAlone(int shards) const {
    return FitHead(data_, {.head = head_, .train = settings_, .key = {}}, 5, {},
                   BestHeadKernels(), {.count = shards});
  }

  // Fits by `ranks` threads; `edit` changes what one of them sees.
  std::vector<Result<FitResult>> FitTogether(
      int ranks, int shards,
      const std::function<void(int rank, FitData&,
                               std::function<bool(double)>&)>& edit = {}) {
    cluster::GroupThreads threads(ranks, shards);
    std::vector<Result<FitResult>> fits(
        static_cast<std::size_t>(ranks),
        Status(StatusCode::kInternal, "test", "has not run"));
    threads.Run([&](cluster::Group& group) {
      FitData data = data_;
      std::function<bool(double)> progress;
      if (edit) edit(group.rank(), data, progress);
      fits[static_cast<std::size_t>(group.rank())] =
          FitHead(data, {.head = head_, .train = settings_, .key = {}}, 5,
                  progress, BestHeadKernels(),
                  {.count = shards, .group = &group, .timeout_seconds = 60});
    });
    return fits;
  }

  void ExpectSameOnAnyRanks() {
    for (const int shards : {1, 2, 3}) {
      const auto alone = FitAlone(shards);
      for (int ranks = 1; ranks <= shards; ++ranks) {
        SCOPED_TRACE(testing::Message()
                     << shards << " shards, " << ranks << " ranks");
        for (const auto& fit : FitTogether(ranks, shards))
          ExpectSame(fit, alone);
      }
    }
  }

  HeadSettings head_;
  TrainSettings settings_;
};

TEST_F(ShardedFitTest, AnyNumberOfRanksTrainsTheSameHead) {
  ExpectSameOnAnyRanks();
}

TEST_F(ShardedFitTest, AlsoWithEmptyShardsAndALinearHead) {
  head_.hidden = {};
  head_.dropout = 0;
  settings_.batch_size = 2;
  ExpectSameOnAnyRanks();
}

TEST_F(ShardedFitTest, AlsoWithTheOtherSettings) {
  settings_.optimizer = OptimizerKind::kSgd;
  settings_.balance = ClassBalance::kOversample;
  settings_.label_smoothing = 0.1;
  settings_.own_order = true;
  ExpectSameOnAnyRanks();
}

TEST_F(ShardedFitTest, AlsoWhenTheyClipAverageAndMix) {
  settings_.clip_norm = 0.3;
  settings_.ema = 0.9;
  settings_.mixup = 0.4;
  settings_.focal_gamma = 2;
  settings_.optimizer = OptimizerKind::kRmsProp;
  settings_.schedule.kind = ScheduleKind::kOneCycle;
  settings_.warmup.steps = 3;
  ExpectSameOnAnyRanks();
}

TEST_F(ShardedFitTest, AlsoOnAPlateau) {
  settings_.epochs = 12;
  settings_.schedule.kind = ScheduleKind::kPlateau;
  settings_.schedule.patience = 0;
  settings_.schedule.threshold = 0.2;
  ExpectSameOnAnyRanks();
}

TEST_F(ShardedFitTest, AlsoWhenTheyStopEarly) {
  settings_.epochs = 40;
  settings_.patience = 2;
  ASSERT_TRUE(FitAlone(2)->stopped_early);
  ExpectSameOnAnyRanks();
}

// Wide enough for a layer to travel in several buckets.
TEST_F(ShardedFitTest, AlsoWhenALayerIsCut) {
  head_.hidden = {20000, 16};
  settings_.epochs = 1;
  for (const double clip_norm : {0.0, 0.1}) {
    settings_.clip_norm = clip_norm;
    const auto alone = FitAlone(2);
    for (const auto& fit : FitTogether(2, 2)) ExpectSame(fit, alone);
  }
}

// By rounding only: a wrong weighting of uneven shards would show in the
// second digit.
TEST_F(ShardedFitTest, ShardsDifferFromWholeBatchesByRounding) {
  const auto whole = FitAlone(1);
  for (const int shards : {2, 3, 7}) {
    const auto fit = FitAlone(shards);
    ASSERT_TRUE(fit.ok());
    EXPECT_NE(fit->weights, whole->weights) << shards;
    for (std::size_t e = 0; e < whole->epochs.size(); ++e) {
      EXPECT_NEAR(fit->epochs[e].train_loss, whole->epochs[e].train_loss, 1e-5);
      EXPECT_NEAR(*fit->epochs[e].loss, *whole->epochs[e].loss, 1e-5);
    }
  }
}

TEST_F(ShardedFitTest, AllAreInterruptedWhenOneIsAskedTo) {
  for (const auto& fit : FitTogether(
           3, 3, [](int rank, FitData&, std::function<bool(double)>&progress) {
             if (rank == 1) progress = [](double share) { return share > 0.4; };
           })) {
    EXPECT_EQ(fit.status().code(), StatusCode::kInterrupted)
        << fit.status().ToString();
  }
}

TEST_F(ShardedFitTest, AMemberThatFailsEndsTheOthers) {
  const auto fits = FitTogether(
      3, 3, [](int rank, FitData& data, std::function<bool(double)>&) {
        if (rank != 2) return;
        const auto rows = data.train_rows;
        data.train_rows =
            [rows](int epoch) -> Result<std::vector<const float*>> {
          if (epoch < 2) return rows(epoch);
          return IoError("features", "the disk is gone");
        };
      });
  EXPECT_EQ(fits[2].status().code(), StatusCode::kIo);
  for (const int rank : {0, 1}) {
    const Status& status = fits[static_cast<std::size_t>(rank)].status();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.ToString(),
                AllOf(HasSubstr("member 2"), HasSubstr("the disk is gone")));
  }
}

TEST_F(ShardedFitTest, ABadLossFailsOnAllForTheSameReason) {
  train_[5 * kInputs] = std::numeric_limits<float>::quiet_NaN();
  const auto fits = FitTogether(2, 2);
  EXPECT_EQ(fits[0].status().code(), StatusCode::kFailed);
  EXPECT_THAT(fits[0].status().ToString(), HasSubstr("in epoch 0, step "));
  EXPECT_EQ(fits[1].status().ToString(), fits[0].status().ToString());
}

TEST_F(ShardedFitTest, ABadNormFailsOnAllForTheSameReason) {
  train_[5 * kInputs] = 1e25F;
  settings_.clip_norm = 1;
  const auto fits = FitTogether(2, 2);
  EXPECT_EQ(fits[0].status().code(), StatusCode::kFailed);
  EXPECT_THAT(fits[0].status().ToString(), HasSubstr("norm of the gradient"));
  EXPECT_EQ(fits[1].status().ToString(), fits[0].status().ToString());
}

TEST_F(ShardedFitTest, MembersThatComeToDifferAreFoundOut) {
  std::vector<float> other = validation_;
  other[0] += 1;
  for (const auto& fit : FitTogether(
           2, 2, [&](int rank, FitData&data, std::function<bool(double)>&) {
             if (rank == 1) data.validation_rows = RowsOf(other);
           })) {
    EXPECT_EQ(fit.status().code(), StatusCode::kInternal)
        << fit.status().ToString();
  }
}

}  // namespace
}  // namespace besom::stages
