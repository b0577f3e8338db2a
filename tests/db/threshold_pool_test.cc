// The threshold that the fits of a trial choose together: what its chooser is
// told, and when its row is there.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "db/results_store.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using testing::Done;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Lines;
using testing::SampleFit;
using testing::SampleImage;
using testing::SampleSweep;
using testing::SampleTrial;
using testing::SampleTrialId;
using testing::ScratchFolder;

constexpr char kPooled[] =
    "SELECT class, target, value, positive_groups, reliable FROM thresholds "
    "WHERE repeat IS NULL AND fold IS NULL";

class ThresholdPoolTest : public ::testing::Test {
 protected:
  ThresholdPoolTest() {
    store_->SummarizeBy(Chooser());
    EXPECT_TRUE(store_->RegisterTrials(sweep_, {SampleTrial(0, 3)}).ok());
  }

  /// Notes what it is told; positive_groups are all groups here.
  FitSummarizer Chooser() {
    return {
        .threshold = [this](const PooledPredictions& pool, const Json& config) {
          seen_ = CanonicalText(config);
          std::set<int> groups;
          for (const auto& image : pool.images) {
            seen_ += fmt::format(" {}{}{}", image.positive ? "+" : "-",
                                 image.probability,
                                 static_cast<char>('a' + image.group));
            groups.insert(image.group);
          }
          return ThresholdRow{pool.cls, pool.target, 0.375,
                              static_cast<std::int64_t>(groups.size()), true};
        }};
  }

  /// A fit that validated on these images {name, probability of covid}; those
  /// whose name begins with n are normal.
  static FitRow Fit(int fold,
                    const std::vector<std::pair<std::string, double>>& images) {
    FitRow fit = SampleFit(SampleTrialId(0), {}, 0, fold);
    fit.threshold =
        ThresholdRow{"covid", "recall/covid >= 0.7", 0.125 * fold, 1, false};
    fit.sets[0].predictions.clear();
    for (const auto& [path, p] : images)
      fit.sets[0].predictions.push_back(
          {"cohen", path, path[0] == 'n' ? 1 : 0, 0, {p, 1 - p}});
    return fit;
  }

  static std::vector<FitRow> ThreeFits() {
    return {Fit(0, {{"c1", 0.5}, {"n1", 0.25}}),
            Fit(1, {{"c2", 0.75}, {"n2", 0.125}}), Fit(2, {{"c3", 0.625}})};
  }

  /// c1 and c3 are of one patient, n1 and n2 name none.
  static ImageTable Images() {
    ImageTable table{3, {}};
    for (const char* path : {"n2", "c3", "c2", "n1", "c1"}) {
      ImageRow& image = table.images.emplace_back(SampleImage(path, "train"));
      image.sets = {"train", "train", "train"};
      image.group = path[0] == 'n' ? "" : path[1] == '2' ? "p2" : "p1";
    }
    return table;
  }

  Status PutImages(const ImageTable& images) {
    CommitBatch batch;
    batch.images = images;
    return store_->Commit(sweep_, batch);
  }

  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<ResultsStore> store_ = *ResultsStore::Open(path_);
  const SweepId sweep_ = *store_->PutSweep(SampleSweep());
  std::string seen_;
};

TEST_F(ThresholdPoolTest, EveryImageIsOfTheFitThatValidatedOnIt) {
  ASSERT_OK(PutImages(Images()));
  ASSERT_OK(store_->Commit(sweep_, Done(ThreeFits())));
  EXPECT_EQ(seen_, "{\"n\":0} +0.5a +0.75b +0.625a -0.25c -0.125d");
  EXPECT_THAT(Lines(path_, kPooled),
              ElementsAre("covid|recall/covid >= 0.7|0.375|4|1"));
}

TEST_F(ThresholdPoolTest, AnImageCountsOnceInARepeat) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0, 3)}));
  FitRow other = Fit(0, {{"c1", 0.0625}});
  other.repeat = 1;
  // c1 is validated on by both folds of the first repeat.
  ASSERT_OK(store_->Commit(
      sweep_, Done({other, Fit(1, {{"c1", 0.75}}), Fit(0, {{"c1", 0.5}})})));
  EXPECT_EQ(seen_, "{\"n\":0} +0.5a +0.0625a");
}

TEST_F(ThresholdPoolTest, ItIsTheSameInWhateverOrderRowsCome) {
  const std::string all = "SELECT * FROM thresholds ORDER BY repeat, fold";
  ASSERT_OK(PutImages(Images()));
  ASSERT_OK(store_->Commit(sweep_, Done(ThreeFits())));
  const std::string told = seen_;
  const auto rows = Lines(path_, all);
  const Path other = folder_ / "other.db";
  const auto store = *ResultsStore::Open(other);
  store->SummarizeBy(Chooser());
  const SweepId sweep = *store->PutSweep(SampleSweep());
  ASSERT_OK(store->RegisterTrials(sweep, {SampleTrial(0, 3)}));
  std::vector<FitRow> fits = ThreeFits();
  std::ranges::reverse(fits);
  for (const FitRow& fit : fits) {
    EXPECT_THAT(Lines(other, kPooled), IsEmpty());
    CommitBatch one;
    one.fits = {fit};
    ASSERT_OK(store->Commit(sweep, one));
  }
  // Nobody has told yet which images are of one patient.
  EXPECT_THAT(Lines(other, kPooled),
              ElementsAre("covid|recall/covid >= 0.7|0.375|5|1"));
  CommitBatch images;
  images.images = Images();
  ASSERT_OK(store->Commit(sweep, images));
  EXPECT_EQ(Lines(other, all), rows);
  EXPECT_EQ(seen_, told);
}

TEST_F(ThresholdPoolTest, ItGoesWithTheThresholdsOfTheFits) {
  ASSERT_OK(store_->Commit(sweep_, Done(ThreeFits())));
  EXPECT_THAT(Lines(path_, kPooled), ::testing::SizeIs(1));
  std::vector<FitRow> fits = ThreeFits();
  for (FitRow& fit : fits) fit.threshold.reset();
  ASSERT_OK(store_->Commit(sweep_, Done(fits)));
  EXPECT_THAT(Lines(path_, "SELECT * FROM thresholds"), IsEmpty());
}

TEST_F(ThresholdPoolTest, ItIsThereWhenNoPredictionsAreKept) {
  std::vector<FitRow> fits = ThreeFits();
  for (FitRow& fit : fits) fit.sets[0].predictions.clear();
  ASSERT_OK(store_->Commit(sweep_, Done(fits)));
  EXPECT_EQ(seen_, "{\"n\":0}");
  EXPECT_THAT(Lines(path_, kPooled),
              ElementsAre("covid|recall/covid >= 0.7|0.375|0|1"));
}

}  // namespace
}  // namespace besom::db
