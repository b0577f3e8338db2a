#include "stages/audit/audit_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/stages/audit/phantom_data.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<std::string> kClasses = {"clear", "consolidation", "hazy"};

Json Source(const std::string& name, int images, int size, int seed) {
  return {{"name", name},
          {"images", images},
          {"images_per_patient", 1},
          {"size", size},
          {"seed", seed}};
}

std::vector<std::string> Names(const Audit& audit) {
  std::vector<std::string> names;
  for (const AuditProbe& probe : audit.probes) names.push_back(probe.name);
  return names;
}

Result<StageOutput> RunStage(const testing::PhantomData& data, int threads,
                             const std::function<bool(double)>& progress = {}) {
  const Json params = {{"seed", 7}}, hints = {{"threads", threads}};
  const ArtifactMap artifacts = {
      {"split", {Artifact::FromBytes(CanonicalText(data.table.ToJson()))}},
      {"pixels", data.shards}};
  return AuditStage().Run({params, hints, artifacts, progress});
}

TEST(AuditStageTest, TheSameBytesForAnyNumberOfThreads) {
  const testing::PhantomData data = testing::MakePhantoms(
      Json::array({Source("p", 45, 64, 1), Source("q", 30, 96, 2)}), kClasses,
      64, 1);
  const Result<StageOutput> one = RunStage(data, 1);
  ASSERT_TRUE(one.ok()) << one.status().ToString();
  for (const int threads : {2, 5})
    EXPECT_EQ(RunStage(data, threads)->blobs, one->blobs) << threads;
  EXPECT_EQ(one->counters, Json({{"images", 75}}));
}

TEST(AuditStageTest, WhatItLeavesReadsBackEqual) {
  const testing::PhantomData data = testing::MakePhantoms(
      Json::array({Source("p", 45, 64, 1)}), kClasses, 64, 1);
  const std::string blob = RunStage(data, 2)->blobs.at("audit");
  const Result<Audit> audit = Audit::FromJson(*ParseJson(blob, "audit"));
  ASSERT_TRUE(audit.ok());
  EXPECT_EQ(CanonicalText(audit->ToJson()), blob);
  EXPECT_EQ(Audit::FromJson(Json::object()).status().code(),
            StatusCode::kCorrupt);
}

TEST(AuditStageTest, StopsWhenAsked) {
  const testing::PhantomData data = testing::MakePhantoms(
      Json::array({Source("p", 45, 64, 1)}), kClasses, 64, 1);
  std::atomic<int> calls = 0;
  EXPECT_EQ(RunStage(data, 2,
                     [&](double) {
                       ++calls;
                       return true;
                     })
                .status()
                .code(),
            StatusCode::kInterrupted);
  EXPECT_LE(calls, 2);
}

TEST(AuditStageTest, FactsThatAllImagesShareTellNothingAndAreNoLook) {
  const testing::PhantomData data = testing::MakePhantoms(
      Json::array({Source("p", 60, 64, 1)}), kClasses, 64, 1);
  const Audit audit = testing::AuditOf(data, 1);
  EXPECT_THAT(Names(audit), ElementsAre("facts", "ring", "blur"));
  EXPECT_FALSE(audit.probes[0].varies);
  EXPECT_THAT(audit.probes[0].probabilities, IsEmpty());
  EXPECT_EQ(testing::FigureOf(audit, "facts").balanced_accuracy, 1.0 / 3);
  EXPECT_EQ(testing::FigureOf(audit, "facts", "clear", "hazy").chance, 0.5);
  EXPECT_FALSE(testing::FigureOf(audit, "facts").bound);
  // Four figures a probe: all classes, and three pairs.
  EXPECT_THAT(audit.probes[1].figures, SizeIs(4));
  EXPECT_TRUE(testing::FigureOf(audit, "ring").bound);
  EXPECT_FALSE(testing::FigureOf(audit, "blur").bound);
}

TEST(AuditStageTest, ASourceOrASizeOfItsOwnGivesAClassAway) {
  Json well = Source("well", 60, 64, 1), ill = Source("ill", 60, 64, 2);
  well["labels"] = {{"consolidation", nullptr}, {"hazy", nullptr}};
  ill["labels"] = {{"clear", nullptr}};
  const testing::PhantomData data =
      testing::MakePhantoms(Json::array({well, ill}), kClasses, 64, 1);
  const Audit audit = testing::AuditOf(data, 1, 2);
  EXPECT_THAT(Names(audit), ElementsAre("facts", "file", "ring", "blur"));
  EXPECT_EQ(
      testing::FigureOf(audit, "facts", "clear", "hazy").balanced_accuracy,
      1.0);
  // Without the name of the source the files are alike.
  EXPECT_FALSE(audit.probes[1].varies);
  EXPECT_THAT(testing::AboveChance(audit),
              ElementsAre("facts all", "facts clear/consolidation",
                          "facts clear/hazy"));

  well["size"] = 80;
  const Audit sized = testing::AuditOf(
      testing::MakePhantoms(Json::array({well, ill}), kClasses, 64, 1), 1, 2);
  EXPECT_EQ(testing::FigureOf(sized, "file", "clear", "hazy").balanced_accuracy,
            1.0);
}

TEST(AuditStageTest, WithoutTwoClassesOfTwoPatientsThereIsNoAudit) {
  AuditSet set;
  set.classes = {"a"};
  const Audit audit = ComputeAudit(set, DecodedImages(), 1, 1, {}).value();
  EXPECT_EQ(audit.folds, 0);
  EXPECT_THAT(audit.probes, IsEmpty());
}

}  // namespace
}  // namespace besom::stages
