#include "stages/model/head/head_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "stages/metric/metrics.h"
#include "stages/model/head/epoch_draws.h"
#include "stages/model/head/mixup.h"
#include "tests/stages/head/corner_fit.h"

namespace besom::stages {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class HeadFitTest : public CornerFit {
 protected:
  HeadFitTest() : CornerFit(60, 30) {
    head_.hidden = {20};
    train_settings_.epochs = 12;
    train_settings_.learning_rate = 0.01;
  }

  Result<FitResult> Fit(const FitKey& key = {}, std::uint64_t sweep_seed = 5) {
    return FitHead(data_, {head_, train_settings_, key}, sweep_seed, {});
  }

  HeadSettings head_;
  TrainSettings train_settings_;
};

TEST_F(HeadFitTest, LearnsClassesThatAreApart) {
  const auto fit = Fit();
  ASSERT_TRUE(fit.ok()) << fit.status().ToString();
  EXPECT_GT(*fit->epochs[fit->chosen_epoch].accuracy, 0.95);
  EXPECT_GT(fit->epochs[0].train_loss, 2 * fit->epochs[11].train_loss);
}

TEST_F(HeadFitTest, EveryKernelSetTrainsTheSameHead) {
  const auto fit = Fit();
  for (const HeadKernels* set : RunnableHeadKernels()) {
    const auto other =
        FitHead(data_, {head_, train_settings_, {}}, 5, {}, *set);
    EXPECT_EQ(other->weights, fit->weights) << set->name;
  }
}

TEST_F(HeadFitTest, EveryKernelSetAlsoWithAllThatThereIs) {
  train_settings_.optimizer = OptimizerKind::kRmsProp;
  train_settings_.weight_decay = 0.01;
  train_settings_.clip_norm = 0.5;
  train_settings_.ema = 0.9;
  train_settings_.mixup = 0.4;
  train_settings_.focal_gamma = 2;
  train_settings_.schedule.kind = ScheduleKind::kCosine;
  const auto fit = Fit();
  ASSERT_TRUE(fit.ok()) << fit.status().ToString();
  for (const HeadKernels* set : RunnableHeadKernels())
    EXPECT_EQ(
        FitHead(data_, {head_, train_settings_, {}}, 5, {}, *set)->weights,
        fit->weights)
        << set->name;
}

// What each setting is there for shows at all.
TEST_F(HeadFitTest, EverySettingMatters) {
  std::vector<TrainSettings> settings(9, train_settings_);
  settings[1].optimizer = OptimizerKind::kRmsProp;
  settings[2].schedule.kind = ScheduleKind::kStep;
  settings[2].schedule.step_size = 1;
  settings[3].warmup.epochs = 1;
  settings[4].clip_norm = 0.01;
  settings[5].ema = 0.99;
  settings[6].mixup = 1;
  settings[7].focal_gamma = 2;
  settings[8].mixup = 1;
  settings[8].seed = 3;
  std::vector<FitWeights> weights;
  for (const TrainSettings& train : settings) {
    const auto fit = FitHead(data_, {head_, train, {train.seed, 0, 0}}, 5, {});
    ASSERT_TRUE(fit.ok()) << fit.status().ToString();
    for (const FitWeights& other : weights) EXPECT_NE(fit->weights, other);
    weights.push_back(fit->weights);
  }
}

TEST_F(HeadFitTest, SeedRepeatFoldAndSweepSeedEachMatter) {
  const auto fit = Fit();
  EXPECT_EQ(Fit()->weights, fit->weights);
  EXPECT_NE(Fit({1, 0, 0})->weights, fit->weights);
  EXPECT_NE(Fit({0, 1, 0})->weights, fit->weights);
  EXPECT_NE(Fit({0, 0, 1})->weights, fit->weights);
  EXPECT_NE(Fit({}, 6)->weights, fit->weights);
}

TEST_F(HeadFitTest, KeepsTheEpochOfLowestValidationLoss) {
  const auto fit = Fit();
  const auto lowest = std::min_element(
      fit->epochs.begin(), fit->epochs.end(),
      [](const auto& a, const auto& b) { return *a.loss < *b.loss; });
  EXPECT_EQ(fit->chosen_epoch, lowest - fit->epochs.begin());
  const auto logits =
      HeadLogits(fit->weights.head, data_.validation_rows, BestHeadKernels());
  double loss = 0;
  for (std::size_t i = 0; i < data_.validation_labels.size(); ++i)
    loss -= LogSoftmax(
        std::span(logits).subspan(3 * i, 3))[data_.validation_labels[i]];
  EXPECT_EQ(loss / 30, *lowest->loss);
}

TEST_F(HeadFitTest, TheEarliestEpochWinsATie) {
  train_settings_.keep_metric = "support/covid";  // Equal in every epoch.
  train_settings_.keep_minimize = false;
  EXPECT_EQ(Fit()->chosen_epoch, 0);
}

TEST_F(HeadFitTest, LastEpochIsKeptWhenAskedOrWithoutValidation) {
  train_settings_.keep_best = false;
  const auto last = Fit();
  EXPECT_EQ(last->chosen_epoch, 11);
  data_.validation_rows.clear();
  data_.validation_labels.clear();
  train_settings_.keep_best = true;
  const auto without = Fit();
  EXPECT_EQ(without->chosen_epoch, 11);
  EXPECT_EQ(without->weights, last->weights);
  EXPECT_FALSE(without->epochs[0].loss.has_value());
}

TEST_F(HeadFitTest, StopsWhenPatienceIsOver) {
  train_settings_.keep_metric = "support/covid";
  train_settings_.patience = 3;
  const auto fit = Fit();
  EXPECT_TRUE(fit->stopped_early);
  EXPECT_EQ(fit->epochs.size(), 4u);
  data_.validation_rows.clear();
  data_.validation_labels.clear();
  EXPECT_EQ(Fit().status().code(), StatusCode::kInvalid);
}

TEST_F(HeadFitTest, ALossThatIsNotFiniteIsAFailureWithItsPlace) {
  train_[5 * kInputs] = std::numeric_limits<float>::quiet_NaN();
  const Status status = Fit().status();
  EXPECT_EQ(status.code(), StatusCode::kFailed);
  EXPECT_THAT(status.ToString(), HasSubstr("in epoch 0, step "));
  EXPECT_THAT(status.ToString(), HasSubstr("learning rate 0.01"));
}

TEST_F(HeadFitTest, ANormThatIsNotFiniteIsAFailureWithItsPlace) {
  train_[5 * kInputs] = 1e25F;  // Its square is no float.
  EXPECT_EQ(Fit().status().code(), StatusCode::kOk);
  train_settings_.clip_norm = 1;
  const Status status = Fit().status();
  EXPECT_EQ(status.code(), StatusCode::kFailed);
  EXPECT_THAT(
      status.ToString(),
      HasSubstr("the norm of the gradient became inf in epoch 0, step "));
}

TEST_F(HeadFitTest, APlateauIsSeenByValidationImagesOnly) {
  train_settings_.schedule.kind = ScheduleKind::kPlateau;
  EXPECT_TRUE(Fit().ok());
  data_.validation_rows.clear();
  data_.validation_labels.clear();
  EXPECT_EQ(Fit().status().code(), StatusCode::kInvalid);
}

TEST_F(HeadFitTest, ADivergingRunFailsInsteadOfReportingNumbers) {
  train_settings_.optimizer = OptimizerKind::kSgd;
  train_settings_.learning_rate = 1e30;
  EXPECT_EQ(Fit().status().code(), StatusCode::kFailed);
}

TEST_F(HeadFitTest, StopsWhenTold) {
  double seen = 0;
  const auto fit = FitHead(data_, {head_, train_settings_, {}}, 5,
                           [&](double share) { return (seen = share) > 0.4; });
  EXPECT_EQ(fit.status().code(), StatusCode::kInterrupted);
  EXPECT_DOUBLE_EQ(seen, 5.0 / 12);
}

TEST_F(HeadFitTest, RowsMayChangeFromEpochToEpoch) {
  const auto fit = Fit();
  data_.train_rows = [this](int epoch) {
    auto rows = RowsOf(train_);
    if (epoch == 3) std::swap(rows[0], rows[3]);  // Both of class 0.
    return Result(rows);
  };
  const auto other = Fit();
  EXPECT_EQ(other->epochs[2].train_loss, fit->epochs[2].train_loss);
  EXPECT_NE(other->epochs[3].train_loss, fit->epochs[3].train_loss);
}

TEST(EpochOrderTest, DependsOnTheTrainSeedOnlyWhenOwn) {
  const std::vector<int> labels(40, 0);
  TrainSettings a, b;
  b.seed = 9;
  const auto order = EpochOrder(labels, a, 1, {}, 0);
  EXPECT_EQ(EpochOrder(labels, b, 1, {9, 0, 0}, 0), order);
  EXPECT_NE(EpochOrder(labels, a, 1, {}, 1), order);
  EXPECT_NE(EpochOrder(labels, a, 2, {}, 0), order);
  a.own_order = b.own_order = true;
  EXPECT_NE(EpochOrder(labels, a, 1, {}, 0), EpochOrder(labels, b, 1, {}, 0));
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], i);
}

TEST(EpochOrderTest, BalancesClasses) {
  std::vector<int> labels(10, 0);
  labels.insert(labels.end(), 4, 2);  // Class 1 has no image.
  const auto counts = [&](ClassBalance balance, int epoch) {
    TrainSettings settings;
    settings.balance = balance;
    const auto order = EpochOrder(labels, settings, 1, {}, epoch);
    std::vector<int> per_image(labels.size());
    for (const std::size_t image : order) ++per_image[image];
    return per_image;
  };
  const auto over = counts(ClassBalance::kOversample, 0);
  EXPECT_THAT(over,
              ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, testing::Ge(2),
                          testing::Ge(2), testing::Ge(2), testing::Ge(2)));
  EXPECT_EQ(over[10] + over[11] + over[12] + over[13], 10);
  const auto under = counts(ClassBalance::kUndersample, 0);
  EXPECT_EQ(std::count(under.begin(), under.begin() + 10, 1), 4);
  EXPECT_EQ(std::count(under.begin() + 10, under.end(), 1), 4);
  EXPECT_NE(counts(ClassBalance::kUndersample, 1), under);
}

TEST(EpochOrderTest, HasASizeThatIsKnownBefore) {
  const std::vector<int> labels = {0, 2, 2, 0, 2, 3};  // Class 1: no image.
  EXPECT_EQ(EpochSize(labels, ClassBalance::kNone), 6u);
  EXPECT_EQ(EpochSize(labels, ClassBalance::kUndersample), 3u);
  EXPECT_EQ(EpochSize(labels, ClassBalance::kOversample), 9u);
  for (const ClassBalance balance :
       {ClassBalance::kUndersample, ClassBalance::kOversample}) {
    TrainSettings settings;
    settings.balance = balance;
    EXPECT_EQ(EpochOrder(labels, settings, 1, {}, 0).size(),
              EpochSize(labels, balance));
  }
}

TEST(MixtureTest, IsDrawnFromItsKeyAlone) {
  const FitKey key{1, 2, 3};
  const Mixture one = DrawMixture(0.4, key, 5, 6, 8);
  const auto same = [&](const Mixture& other) {
    return other.share == one.share && other.partners == one.partners;
  };
  EXPECT_TRUE(same(DrawMixture(0.4, key, 5, 6, 8)));
  for (const FitKey& other : {FitKey{0, 2, 3}, {1, 0, 3}, {1, 2, 0}})
    EXPECT_FALSE(same(DrawMixture(0.4, other, 5, 6, 8)));
  EXPECT_FALSE(same(DrawMixture(0.4, key, 0, 6, 8)));
  EXPECT_FALSE(same(DrawMixture(0.4, key, 5, 0, 8)));
  // A batch that is cut short is mixed by the same share.
  EXPECT_EQ(DrawMixture(0.4, key, 5, 6, 3).share, one.share);
}

// Where nearly all shares are so close to 0 or 1 that a variate of one of the
// two gammas is no double.
TEST(MixtureTest, SharesOfASmallAlphaAreNumbers) {
  int low = 0;
  for (int step = 0; step < 200; ++step) {
    const double share = DrawMixture(1e-4, {}, 0, step, 1).share;
    ASSERT_TRUE(share >= 0 && share <= 1) << share;
    low += share < 0.5;
  }
  EXPECT_GT(low, 60);
  EXPECT_LT(low, 140);
}

}  // namespace
}  // namespace besom::stages
