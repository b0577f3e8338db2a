#include "db/blob_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

class BlobBookTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  const std::unique_ptr<ResultsStore> store_ = *ResultsStore::Open(path_);
  const SweepId sweep_ = *store_->PutSweep(SampleSweep());

  static ActionRow Action(const std::string& key, const std::string& stage,
                          std::vector<BlobRow> blobs, double finished) {
    ActionRow action;
    action.key = key;
    action.stage = stage;
    action.params = "{}";
    action.finished = finished;
    action.blobs = std::move(blobs);
    return action;
  }
  void Put(const ActionRow& action) {
    CommitBatch batch;
    batch.actions = {action};
    ASSERT_OK(store_->Commit(sweep_, batch));
  }
  /// A trial that is done, with the weights of that name.
  static FitRow Fit(int trial, double recall, const std::string& head) {
    FitRow fit = SampleFit(SampleTrialId(trial), {.recall = recall});
    fit.head_digest = head;
    return fit;
  }
  StoreRecord Read() { return *(*BlobBook::Open(path_))->Read(); }
  void Remove(const std::string& key, const std::string& port) {
    ASSERT_OK((*BlobBook::Open(path_))->SetRemoved({{key, port}}, 77));
  }
};

TEST_F(BlobBookTest, ARemovedBlobIsMarkedUntilItsActionIsDoneAgain) {
  const ActionRow tune =
      Action("k", "fine_tune", {{"history", "h", 1}, {"weights", "w", 2}}, 5);
  Put(tune);
  Remove("k", "weights");
  const auto removed = *store_->FindAction("k");
  EXPECT_TRUE(removed->removed());
  EXPECT_FALSE(removed->blobs[0].removed);
  EXPECT_TRUE(removed->blobs[1].removed);
  EXPECT_THAT(Lines(path_, "SELECT port, removed FROM blob ORDER BY port"),
              ElementsAre("history|NULL", "weights|77"));
  Put(tune);
  EXPECT_FALSE((*store_->FindAction("k"))->removed());
}

TEST_F(BlobBookTest, TheSameBytesOfAnotherActionAreThereAgain) {
  Put(Action("k1", "fine_tune", {{"weights", "same", 2}}, 5));
  Put(Action("k2", "fine_tune", {{"weights", "other", 2}}, 5));
  Remove("k1", "weights");
  Remove("k2", "weights");
  Put(Action("k3", "fine_tune", {{"weights", "same", 2}}, 6));
  EXPECT_FALSE((*store_->FindAction("k1"))->removed());
  EXPECT_TRUE((*store_->FindAction("k2"))->removed());
}

TEST_F(BlobBookTest, TheFirstTimeOfRemovalStays) {
  Put(Action("k", "fine_tune", {{"weights", "w", 2}}, 5));
  Remove("k", "weights");
  ASSERT_OK((*BlobBook::Open(path_))->SetRemoved({{"k", "weights"}}, 99));
  EXPECT_THAT(Lines(path_, "SELECT removed FROM blob"), ElementsAre("77"));
}

TEST_F(BlobBookTest, ReadsBlobsWithTheirActions) {
  Put(Action("b", "features", {{"features", "f", 3}}, 9));
  Put(Action("a", "augment", {{"sheet", "s", 1}, {"views", "v", 2}}, 8));
  Remove("a", "sheet");
  const StoreRecord record = Read();
  std::string text;
  for (const StoredBlob& blob : record.blobs)
    text += blob.key + " " + blob.stage + " " + blob.port + " " + blob.digest +
            " " + std::to_string(static_cast<int>(blob.finished)) +
            (blob.removed ? " removed\n" : "\n");
  EXPECT_EQ(text,
            "a augment sheet s 8 removed\na augment views v 8\n"
            "b features features f 9\n");
}

TEST_F(BlobBookTest, ModelsCarryTheRankAndTheEndOfTheirTrial) {
  ASSERT_OK(store_->RegisterTrials(
      sweep_, {SampleTrial(0), SampleTrial(1), SampleTrial(2, /*fits=*/2)}));
  Put(Action("k0", "fine_tune", {{"weights", "w0", 2}}, 50));
  ASSERT_OK(
      store_->Commit(sweep_, Done({Fit(0, 0.25, "w0"), Fit(1, 0.75, "w1")})));
  CommitBatch half;
  half.fits = {Fit(2, 0.9, "w2")};
  AttemptRow attempt;
  attempt.key = "k1";
  attempt.stage = "evaluate";
  attempt.trial = SampleTrialId(1);
  attempt.outcome = "done";
  attempt.started = 60;
  attempt.seconds = 2;
  half.attempts = {attempt};
  ASSERT_OK(store_->Commit(sweep_, half));
  const std::vector<FitModel> models = Read().models;
  ASSERT_EQ(models.size(), 3u);
  EXPECT_EQ(models[0].sweep, "covid");
  EXPECT_EQ(models[0].trial, SampleTrialId(0));
  EXPECT_EQ(models[0].digest, "w0");
  EXPECT_EQ(models[0].rank, 2);
  EXPECT_TRUE(models[0].done);
  EXPECT_FALSE(models[0].pending);
  EXPECT_EQ(models[0].finished, 50);
  EXPECT_EQ(models[1].rank, 1);
  EXPECT_EQ(models[1].finished, 62);
  EXPECT_EQ(models[2].rank, 0);
  EXPECT_FALSE(models[2].done);
  EXPECT_TRUE(models[2].pending);
}

TEST_F(BlobBookTest, WeightsAreUnsettledWhileATrialOfTheSweepHasNotEnded) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0)}));
  Put(Action("k0", "fine_tune", {{"history", "h0", 1}, {"weights", "w0", 2}},
             50));
  EXPECT_THAT(Read().unsettled,
              ElementsAre(std::pair<std::string, std::string>("covid", "w0")));
  ASSERT_OK(store_->Commit(sweep_, Done({Fit(0, 0.5, "w0")})));
  EXPECT_THAT(Read().unsettled, IsEmpty());
}

TEST_F(BlobBookTest, ImagesKeepWhatTheirPixelsToldWhenTheseAreGone) {
  CommitBatch batch;
  ImageRow image = SampleImage("c.png", "train");
  batch.images = ImageTable{1, {image}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  image.width = image.height = 0;
  image.mode.clear();
  batch.images = ImageTable{1, {image}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  const std::string look = "SELECT width, height, mode FROM images";
  EXPECT_THAT(Lines(path_, look), ElementsAre("320|240|L"));
  image.content = std::string(64, 'd');
  batch.images = ImageTable{1, {image}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  EXPECT_THAT(Lines(path_, look), ElementsAre("NULL|NULL|NULL"));
}

}  // namespace
}  // namespace besom::db
