#include "pipeline/run/cleanup_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Kind = StoreFile::Kind;

/// Every file has 10 bytes.
class CleanupPlanTest : public ::testing::Test {
 protected:
  void File(Kind kind, const std::string& name) {
    facts_.files.push_back({kind, name, name, 10});
  }
  /// A blob that is in the store, of an action with a key of its own.
  void Blob(const std::string& stage, const std::string& port,
            const std::string& digest, double finished = 0) {
    facts_.record.blobs.push_back(
        {"key of " + digest, stage, port, digest, finished, false});
    File(Kind::kBlob, digest);
  }
  /// A trained model of a finished trial.
  void ModelOf(const std::string& sweep, const std::string& digest,
               std::int64_t rank, double finished = 0) {
    facts_.record.models.push_back({sweep, "trial of " + digest, digest, 0,
                                    rank, /*done=*/true, /*pending=*/false,
                                    finished});
  }
  void RankedModel(const std::string& digest, std::int64_t rank) {
    Blob("fine_tune", "weights", digest);
    ModelOf("sweep", digest, rank);
  }

  /// What goes, in order.
  std::vector<std::string> Removed(const CleanupPolicy& policy) {
    plan_ = PlanCleanup(facts_, policy);
    std::vector<std::string> names;
    for (const Removal& removal : plan_.removals)
      names.push_back(facts_.files[removal.file].name);
    return names;
  }
  std::vector<std::string> RemovedDownTo(std::uint64_t bytes) {
    return Removed({KeepModels::kAll, bytes});
  }
  std::map<std::string, std::string_view> Kinds() const {
    std::map<std::string, std::string_view> kinds;
    for (const Removal& removal : plan_.removals)
      kinds[facts_.files[removal.file].name] =
          kCleanupKindNames[static_cast<std::size_t>(removal.kind)];
    return kinds;
  }

  CleanupFacts facts_;
  CleanupPlan plan_;
};

TEST_F(CleanupPlanTest, WhatIsNoUseGoesAlwaysAndNothingElse) {
  Blob("scan", "scan", "scan");
  Blob("ingest", "pixels", "pixels");
  Blob("fine_tune", "weights", "weights");
  File(Kind::kBlob, "orphan");
  File(Kind::kDamaged, "orphan.corrupt");
  File(Kind::kTemporary, ".x.tmp");
  File(Kind::kOther, "notes.txt");
  EXPECT_THAT(Removed({}), ElementsAre("orphan", "orphan.corrupt", ".x.tmp"));
  EXPECT_THAT(Kinds(), UnorderedElementsAre(Pair("orphan", "orphans"),
                                            Pair("orphan.corrupt", "damaged"),
                                            Pair(".x.tmp", "temporaries")));
  EXPECT_THAT(plan_.forgotten, IsEmpty());
  EXPECT_EQ(plan_.bytes_before, 70u);
  EXPECT_EQ(plan_.bytes_after, 40u);
  EXPECT_EQ(plan_.bytes_of_unknown, 10u);
}

TEST_F(CleanupPlanTest, WhatADeadRunHasStoredWaitsForTheNextOne) {
  File(Kind::kBlob, "stored");
  facts_.to_adopt = {"stored"};
  EXPECT_THAT(Removed({KeepModels::kBest, 0}), IsEmpty());
  EXPECT_EQ(plan_.bytes_to_adopt, 10u);
}

TEST_F(CleanupPlanTest, CheckpointsGoOnceTheirTaskIsDone) {
  Blob("fine_tune", "weights", "done");
  Blob("fine_tune", "history", "history");
  facts_.record.blobs.push_back(
      {"key of history", "fine_tune", "weights", "gone", 0, true});
  File(Kind::kCheckpoint, "key of done");
  File(Kind::kCheckpoint, "key of history");  // Its weights were removed.
  File(Kind::kCheckpoint, "key of an unfinished task");
  EXPECT_THAT(Removed({}), ElementsAre("key of done"));
}

TEST_F(CleanupPlanTest, AFileThatTheDatabaseCallsRemovedIsAnOrphan) {
  facts_.record.blobs = {{"key", "fine_tune", "weights", "half", 0, true}};
  ModelOf("sweep", "half", 1);
  File(Kind::kBlob, "half");
  EXPECT_THAT(Removed({}), ElementsAre("half"));
  EXPECT_THAT(plan_.forgotten, IsEmpty());
}

TEST_F(CleanupPlanTest, AModelWhoseActionWasForgottenIsNoOrphan) {
  ModelOf("sweep", "weights", 1);
  File(Kind::kBlob, "weights");
  EXPECT_THAT(Removed({KeepModels::kBest, 0}), IsEmpty());
}

TEST_F(CleanupPlanTest, BestKeepsAllFitsOfTheTrialThatRanksFirst) {
  RankedModel("second", 2);
  RankedModel("first, fold 0", 1);
  RankedModel("first, fold 1", 1);
  Blob("fine_tune", "history", "history");
  EXPECT_THAT(Removed({}), IsEmpty());
  EXPECT_THAT(Removed({.keep = KeepModels::kBest}), ElementsAre("second"));
  EXPECT_THAT(plan_.forgotten, ElementsAre(Pair("key of second", "weights")));
  EXPECT_EQ(plan_.bytes_of_best, 20u);
  EXPECT_EQ(plan_.bytes_of_results, 10u);
}

TEST_F(CleanupPlanTest, LastKeepsThatOneTooAndWhatEndedLast) {
  for (const auto& [name, rank, finished] :
       {std::tuple("first", 1, 5.0), {"second", 2, 9.0}, {"third", 3, 7.0}}) {
    Blob("fine_tune", "weights", name);
    ModelOf("sweep", name, rank, finished);
  }
  EXPECT_THAT(Removed({.keep = KeepModels::kLast}), ElementsAre("third"));
}

TEST_F(CleanupPlanTest, WhatOneSweepKeepsStaysForAll) {
  RankedModel("shared", 2);
  RankedModel("first here", 1);
  ModelOf("other sweep", "shared", 1);
  EXPECT_THAT(Removed({.keep = KeepModels::kBest}), IsEmpty());
  EXPECT_THAT(RemovedDownTo(0), IsEmpty());
}

TEST_F(CleanupPlanTest, ModelsOfWorkInProgressStay) {
  RankedModel("first", 1);
  RankedModel("half of its folds", 0);
  facts_.record.models.back().done = false;
  facts_.record.models.back().pending = true;
  Blob("fine_tune", "weights", "waits for its evaluation");
  facts_.record.unsettled = {{"sweep", "waits for its evaluation"},
                             {"sweep", "evaluated"}};
  RankedModel("evaluated", 2);
  EXPECT_THAT(Removed({.keep = KeepModels::kBest}), ElementsAre("evaluated"));
}

TEST_F(CleanupPlanTest, ASweepInWhichNoneRanksFirstKeepsItsModels) {
  RankedModel("a", 0);
  RankedModel("b", 0);
  Blob("fine_tune", "weights", "of no trial");
  EXPECT_THAT(Removed({.keep = KeepModels::kBest}), ElementsAre("of no trial"));
}

TEST_F(CleanupPlanTest, AboveTheCapTheOldestThatCanBeComputedGoesFirst) {
  Blob("features", "features", "features 3", 3);
  Blob("augment", "views", "views 2", 2);
  Blob("ingest", "pixels", "pixels 4", 4);
  Blob("ingest", "pixels", "pixels 1", 1);
  EXPECT_THAT(RemovedDownTo(40), IsEmpty());
  EXPECT_THAT(RemovedDownTo(39), ElementsAre("pixels 1"));
  EXPECT_THAT(RemovedDownTo(20), ElementsAre("pixels 1", "views 2"));
  EXPECT_THAT(RemovedDownTo(0),
              ElementsAre("pixels 1", "views 2", "features 3", "pixels 4"));
  EXPECT_EQ(Kinds()["views 2"], "views");
  EXPECT_EQ(Kinds()["features 3"], "features");
  EXPECT_EQ(plan_.bytes_after, 0u);
}

TEST_F(CleanupPlanTest, ThenModelsFromTheWorstUpwardsThenCheckpoints) {
  File(Kind::kCheckpoint, "checkpoint");
  RankedModel("first", 1);
  RankedModel("in progress", 0);
  facts_.record.models.back().pending = true;
  RankedModel("second", 2);
  RankedModel("third", 3);
  RankedModel("unranked", 0);
  Blob("features", "features", "features", 9);
  Blob("split", "split", "split");
  EXPECT_THAT(RemovedDownTo(0),
              ElementsAre("features", "unranked", "third", "second",
                          "in progress", "checkpoint"));
  EXPECT_EQ(plan_.bytes_after, 20u);
  EXPECT_EQ(plan_.bytes_of_best, 10u);
  EXPECT_EQ(plan_.bytes_of_results, 10u);
  EXPECT_THAT(RemovedDownTo(50), ElementsAre("features", "unranked", "third"));
}

TEST_F(CleanupPlanTest, AModelOfTwoSweepsGoesByItsBetterRank) {
  RankedModel("fifth", 5);
  RankedModel("second here, ninth there", 2);
  ModelOf("other sweep", "second here, ninth there", 9);
  EXPECT_THAT(RemovedDownTo(10), ElementsAre("fifth"));
}

TEST_F(CleanupPlanTest, BytesThatTwoActionsLeftGoForBothAndByTheLaterOne) {
  Blob("features", "features", "shared", 1);
  facts_.record.blobs.push_back(
      {"later", "features", "features", "shared", 9, false});
  Blob("features", "features", "alone", 5);
  EXPECT_THAT(RemovedDownTo(10), ElementsAre("alone"));
  EXPECT_THAT(RemovedDownTo(0), ElementsAre("alone", "shared"));
  EXPECT_THAT(plan_.forgotten,
              UnorderedElementsAre(Pair("key of alone", "features"),
                                   Pair("key of shared", "features"),
                                   Pair("later", "features")));
}

TEST_F(CleanupPlanTest, BytesThatAreAlsoAResultStay) {
  Blob("ingest", "pixels", "same");
  facts_.record.blobs.push_back({"split", "split", "split", "same", 0, false});
  EXPECT_THAT(RemovedDownTo(0), IsEmpty());
}

TEST_F(CleanupPlanTest, WhatTheDatabaseNamesButTheStoreLacksIsLeftAlone) {
  facts_.record.blobs = {{"key", "features", "features", "lost", 0, false}};
  EXPECT_THAT(RemovedDownTo(0), IsEmpty());
  EXPECT_THAT(plan_.forgotten, IsEmpty());
}

}  // namespace
}  // namespace besom::run
