#include "pipeline/store/job_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace besom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class JobRecordTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(layout_.root()); }

  const WorkspaceLayout layout_{
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name()};
};

JobRecord Sample() {
  JobRecord record;
  record.sweep = "covid";
  record.job = "12";
  record.cluster = "alpha";
  record.submitted = 1795935557.25;
  record.links = 3;
  record.started = 1795935600.5;
  record.done = 41;
  record.cancelled = true;
  record.ended = 1795936000;
  record.why = "cancelled";
  record.losses = {{"node1", 1}, {"node2", 2}};
  record.told_losses = {{"node1", 1}};
  return record;
}

TEST_F(JobRecordTest, IsReadAsItWasWritten) {
  EXPECT_EQ(*ReadJobRecord(layout_, "covid", {}), std::nullopt);
  ASSERT_TRUE(WriteJobRecord(layout_, Sample(), {}).ok());
  EXPECT_EQ(*ReadJobRecord(layout_, "covid", {}), Sample());
}

TEST_F(JobRecordTest, ANodeThatWasLostTwiceIsExcluded) {
  EXPECT_THAT(Sample().ExcludedNodes(), ElementsAre("node2"));
}

TEST_F(JobRecordTest, TheJobsOfAnArrayAreListedInItsOrder) {
  for (const int index : {10, 2, 0, 1}) {
    JobRecord record = Sample();
    record.job = "12_" + std::to_string(index);
    ASSERT_TRUE(WriteJobRecord(layout_, record, SweepShard{11, index}).ok());
  }
  const auto records = JobRecordsOf(layout_, "covid");
  ASSERT_TRUE(records.ok());
  ASSERT_THAT(*records, SizeIs(4));
  EXPECT_EQ((*records)[1].job, "12_1");
  EXPECT_EQ((*records)[3].job, "12_10");
}

TEST_F(JobRecordTest, SweepsWithSimilarNamesAreApart) {
  JobRecord other = Sample();
  for (const char* name : {"covid.2", "covid-2", "covi"}) {
    other.sweep = name;
    ASSERT_TRUE(WriteJobRecord(layout_, other, {}).ok());
  }
  EXPECT_THAT(*JobRecordsOf(layout_, "covid"), SizeIs(0));
  EXPECT_THAT(*JobRecordsOf(layout_, "covid.2"), SizeIs(1));
}

TEST_F(JobRecordTest, RemovingForgetsThoseOfOneSweep) {
  JobRecord other = Sample();
  other.sweep = "lung";
  ASSERT_TRUE(WriteJobRecord(layout_, other, {}).ok());
  ASSERT_TRUE(WriteJobRecord(layout_, Sample(), {}).ok());
  ASSERT_TRUE(WriteJobRecord(layout_, Sample(), SweepShard{3, 1}).ok());
  ASSERT_TRUE(RemoveJobRecords(layout_, "covid").ok());
  EXPECT_THAT(*JobRecordsOf(layout_, "covid"), SizeIs(0));
  EXPECT_THAT(*JobRecordsOf(layout_, "lung"), SizeIs(1));
}

TEST_F(JobRecordTest, AForeignFileIsAnErrorWithACure) {
  for (const char* text : {"", "{", "{}", "[1]", R"({"sweep": 3})"}) {
    ASSERT_TRUE(WriteFileAtomic(layout_.job_record("covid", {}), text).ok());
    const auto record = ReadJobRecord(layout_, "covid", {});
    ASSERT_FALSE(record.ok()) << text;
    EXPECT_EQ(record.status().code(), StatusCode::kCorrupt);
    EXPECT_THAT(record.status().place(), HasSubstr("covid.job.json"));
  }
}

}  // namespace
}  // namespace besom
