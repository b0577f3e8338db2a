// A head and a part of the base trained together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "cluster/group_threads.h"
#include "cluster/self_group.h"
#include "stages/model/head/head_fit.h"
#include "stages/model/head/unfrozen_training.h"
#include "tests/stages/head/corner_fit.h"
#include "tests/stages/head/scaling_base.h"

namespace besom::stages {
namespace {

using testing::HasSubstr;

class UnfrozenFitTest : public CornerFit {
 protected:
  UnfrozenFitTest() : CornerFit(61, 30) {
    head_.head.hidden = {20};
    head_.train.epochs = 5;
    head_.train.learning_rate = 0.01;
    head_.train.base_learning_rate = 1e-3;
    head_.train.keep_best = false;
  }

  Result<FitResult> Fit(const FitShards& shards = {}) const {
    return FitUnfrozen(data_, head_, 5, {},
                       std::make_unique<ScalingBase>(kInputs),
                       BestHeadKernels(), shards);
  }

  std::vector<Result<FitResult>> FitTogether(int ranks, int shards) const {
    cluster::GroupThreads threads(ranks, shards);
    std::vector<Result<FitResult>> fits(
        static_cast<std::size_t>(ranks),
        Status(StatusCode::kInternal, "test", "has not run"));
    threads.Run([&](cluster::Group& group) {
      fits[static_cast<std::size_t>(group.rank())] =
          Fit({.count = shards, .group = &group, .timeout_seconds = 60});
    });
    return fits;
  }

  static const std::vector<float>& Scale(const FitWeights& weights) {
    return weights.base.back().values;  // In the order of names.
  }
  static std::vector<float> FirstScale() {
    const ScalingBase base(kInputs);
    const std::span<const float> values = base.tensors().front().values;
    return {values.begin(), values.end()};
  }

  HeadToFit head_;
};

TEST_F(UnfrozenFitTest, EverySettingOfItMatters) {
  std::vector<HeadToFit> heads(6, head_);
  heads[1].train.base_learning_rate = 2e-3;
  heads[2].train.freeze_epochs = 2;
  heads[3].train.clip_norm = 0.01;
  heads[4].train.ema = 0.9;
  heads[5].train.schedule.kind = ScheduleKind::kCosine;
  std::vector<FitWeights> seen;
  for (const HeadToFit& head : heads) {
    head_ = head;
    const auto fit = Fit();
    ASSERT_TRUE(fit.ok()) << fit.status().ToString();
    EXPECT_NE(Scale(fit->weights), FirstScale());
    for (const FitWeights& other : seen) {
      EXPECT_NE(fit->weights.head, other.head);
      EXPECT_NE(Scale(fit->weights), Scale(other));
    }
    seen.push_back(fit->weights);
  }
}

TEST_F(UnfrozenFitTest, AFrozenBaseStaysAsItIsAlsoInItsAverage) {
  for (const double ema : {0.0, 0.9}) {
    head_.train.ema = ema;
    head_.train.freeze_epochs = head_.train.epochs;
    const auto fit = Fit();
    ASSERT_TRUE(fit.ok()) << fit.status().ToString();
    EXPECT_EQ(Scale(fit->weights), FirstScale());
    EXPECT_EQ(fit->weights.base.front().values[0], 0);  // No batch trained it.
  }
}

TEST_F(UnfrozenFitTest, AnyNumberOfRanksTrainsTheSameWeights) {
  head_.train.clip_norm = 0.3;
  head_.train.ema = 0.9;
  head_.train.mixup = 0.4;
  head_.train.freeze_epochs = 1;
  for (const int shards : {1, 2, 3}) {
    const auto alone = Fit({.count = shards});
    ASSERT_TRUE(alone.ok()) << alone.status().ToString();
    for (int ranks = 1; ranks <= shards; ++ranks)
      for (const auto& fit : FitTogether(ranks, shards)) {
        ASSERT_TRUE(fit.ok()) << fit.status().ToString();
        EXPECT_EQ(fit->weights.head, alone->weights.head) << ranks;
        EXPECT_EQ(Scale(fit->weights), Scale(alone->weights)) << ranks;
        EXPECT_EQ(fit->epochs.back().loss, alone->epochs.back().loss);
      }
  }
}

TEST_F(UnfrozenFitTest, ABadLossFailsOnAllForTheSameReason) {
  train_[5 * kInputs] = std::numeric_limits<float>::quiet_NaN();
  const Status alone = Fit().status();
  EXPECT_EQ(alone.code(), StatusCode::kFailed);
  EXPECT_THAT(alone.ToString(), HasSubstr("the loss became "));
  EXPECT_THAT(alone.ToString(), HasSubstr("nan in epoch 0, step "));
  EXPECT_THAT(alone.ToString(), HasSubstr("learning rate 0.01"));
  for (const auto& fit : FitTogether(2, 2))
    EXPECT_EQ(fit.status().ToString(), alone.ToString());
}

TEST_F(UnfrozenFitTest, ABadNormFailsOnAllForTheSameReason) {
  train_[5 * kInputs] = 1e25F;  // Its square is no float.
  EXPECT_EQ(Fit().status().code(), StatusCode::kOk);
  head_.train.clip_norm = 1;
  const Status alone = Fit().status();
  EXPECT_EQ(alone.code(), StatusCode::kFailed);
  EXPECT_THAT(alone.ToString(),
              HasSubstr("the norm of the gradient became inf in epoch 0"));
  for (const auto& fit : FitTogether(2, 2))
    EXPECT_EQ(fit.status().ToString(), alone.ToString());
}

TEST_F(UnfrozenFitTest, ABaseThatDivergesIsAFailure) {
  head_.train.optimizer = OptimizerKind::kSgd;
  head_.train.base_learning_rate = 1e30;
  const Status status = Fit().status();
  EXPECT_EQ(status.code(), StatusCode::kFailed);
  EXPECT_THAT(status.ToString(), HasSubstr("loss became"));
}

/// Steps of one trainer, on all images each.
class UnfrozenTrainingTest : public UnfrozenFitTest {
 protected:
  UnfrozenTrainingTest() {
    head_.train.clip_norm = 0.3;
    head_.train.freeze_epochs = 1;
    rows_ = RowsOf(train_);
  }

  std::unique_ptr<UnfrozenTraining> Make(double ema = 0.9,
                                         int inputs = kInputs) {
    head_.train.ema = ema;
    settings_.push_back(std::make_unique<TrainSettings>(head_.train));
    return UnfrozenTraining::Make(
               InitialWeights(inputs, {20}, 3, HeadInit::kTorch, {}),
               std::make_unique<ScalingBase>(inputs), *settings_.back(),
               BestHeadKernels(),
               *groups_.emplace_back(std::make_unique<cluster::SelfGroup>(1)),
               /*timeout_seconds=*/1)
        .value();
  }

  void Step(UnfrozenTraining& training, int epoch) {
    const auto figures = training.Step({.rows = rows_,
                                        .targets = {data_.train_labels},
                                        .loss = loss_,
                                        .masks = {},
                                        .learning_rate = 0.01,
                                        .epoch = epoch,
                                        .step = 0});
    ASSERT_TRUE(figures.ok()) << figures.status().ToString();
  }

  LossSettings loss_{.class_weights = {1, 1, 1}};
  std::vector<const float*> rows_;
  std::vector<std::unique_ptr<cluster::SelfGroup>> groups_;
  std::vector<std::unique_ptr<TrainSettings>> settings_;
};

TEST_F(UnfrozenTrainingTest, GoesOnFromAStateAsIfItHadNotStopped) {
  for (const double ema : {0.0, 0.9})
    for (const int before : {0, 1, 2, 4}) {
      const auto through = Make(ema), resumed = Make(ema);
      for (int epoch = 0; epoch < before; ++epoch) Step(*through, epoch);
      ASSERT_TRUE(resumed->Restore(through->State()).ok());
      for (int epoch = before; epoch < 6; ++epoch) {
        Step(*through, epoch);
        Step(*resumed, epoch);
      }
      EXPECT_EQ(resumed->Weights(), through->Weights()) << before;
      EXPECT_EQ(resumed->Logits(rows_).value(), through->Logits(rows_).value());
      EXPECT_EQ(resumed->State().tensors, through->State().tensors);
      EXPECT_EQ(resumed->State().counters, through->State().counters);
    }
}

TEST_F(UnfrozenTrainingTest, AStateOfAnotherFitIsRefusedAndChangesNothing) {
  const auto training = Make();
  Step(*training, 0);
  Step(*training, 1);
  const TrainerState before = training->State();
  const auto expect_refused = [&](const TrainerState& state) {
    EXPECT_EQ(training->Restore(state).code(), StatusCode::kCorrupt);
    EXPECT_EQ(training->State().tensors, before.tensors);
    EXPECT_EQ(training->State().counters, before.counters);
  };
  expect_refused(Make(/*ema=*/0)->State());
  expect_refused(Make(0.9, kInputs + 1)->State());
  for (const auto& [name, values] : before.tensors) {
    TrainerState state = before;
    state.tensors.erase(name);
    expect_refused(state);
  }
  for (const auto& [name, count] : before.counters) {
    TrainerState state = before;
    state.counters.erase(name);
    expect_refused(state);
  }
}

TEST_F(UnfrozenTrainingTest, AStepThatFailsChangesNothing) {
  const float good = train_[5 * kInputs];
  // A loss, and the norm of a gradient that is to be clipped.
  for (const auto& [bad, clip_norm] :
       {std::pair{std::numeric_limits<float>::quiet_NaN(), 0.0},
        std::pair{1e25F, 0.3}}) {
    head_.train.clip_norm = clip_norm;
    const auto training = Make();
    Step(*training, 1);
    const FitWeights before = training->Weights();
    train_[5 * kInputs] = bad;
    Step(*training, 1);
    const FitWeights after = training->Weights();
    EXPECT_EQ(after.head, before.head);
    EXPECT_EQ(Scale(after), Scale(before));
    train_[5 * kInputs] = good;
    Step(*training, 1);
    EXPECT_NE(Scale(training->Weights()), Scale(before));
  }
}

// Validation by the average leaves the weights that are trained as they are.
TEST_F(UnfrozenTrainingTest, ValidationIsOfTheAverageAndChangesNothing) {
  const auto training = Make();
  for (int epoch = 1; epoch < 4; ++epoch) Step(*training, epoch);
  const TrainerState before = training->State();
  const std::vector<float> logits = training->Logits(rows_).value();
  EXPECT_EQ(training->State().tensors, before.tensors);
  const FitWeights kept = training->Weights();
  std::vector<float> scaled;
  for (std::size_t i = 0; i < train_.size(); ++i)
    scaled.push_back(train_[i] * Scale(kept)[i % kInputs]);
  EXPECT_EQ(logits, HeadLogits(kept.head, RowsOf(scaled), BestHeadKernels()));
  EXPECT_NE(Scale(kept), before.tensors.at("base.scale"));
}

}  // namespace
}  // namespace besom::stages
