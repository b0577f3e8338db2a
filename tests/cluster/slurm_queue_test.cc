#include "cluster/slurm_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseSubmittedTest, TakesTheNumberAndTheCluster) {
  EXPECT_EQ(ParseSubmitted("17\n")->job, "17");
  EXPECT_EQ(ParseSubmitted("17\n")->cluster, "");
  const auto both = ParseSubmitted("17;alpha\n");
  EXPECT_EQ(both->job, "17");
  EXPECT_EQ(both->cluster, "alpha");
}

TEST(ParseSubmittedTest, WarningsOfTheSiteMayStandBeforeIt) {
  EXPECT_EQ(ParseSubmitted("sbatch: your quota is nearly used\n17\n")->job,
            "17");
}

TEST(ParseSubmittedTest, AnythingElseIsNoJob) {
  for (const char* text : {"", "\n", "Submitted batch job 17", "-1"}) {
    const auto job = ParseSubmitted(text);
    ASSERT_FALSE(job.ok()) << text;
    EXPECT_EQ(job.status().code(), StatusCode::kIo);
  }
}

constexpr const char* kRunning =
    "JobId=3 JobName=covid JobState=RUNNING Reason=None Dependency=(null) "
    "Requeue=1 Restarts=2 TimeLimit=1-00:10:00 StartTime=1795935557 "
    "EndTime=1795936157 "
    "PreemptEligibleTime=1795935557 PreemptTime=None NodeList=node[1-3] "
    "BatchHost=node1 \n";

TEST(ParseJobTest, ReadsARunningJob) {
  const auto job = ParseJob(kRunning);
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->job, "3");
  EXPECT_EQ(job->phase, JobPhase::kRunning);
  EXPECT_EQ(job->reason, "");
  EXPECT_EQ(job->nodes, "node[1-3]");
  EXPECT_EQ(job->start, 1795935557);
  EXPECT_EQ(job->end, 1795936157);
  EXPECT_EQ(job->limit, 1795935557 + 86400 + 600);
  EXPECT_EQ(job->restarts, 2);
  EXPECT_TRUE(job->may_requeue);
  EXPECT_FALSE(job->preempted);
}

TEST(ParseJobTest, ReadsAWaitingJob) {
  const auto job = ParseJob(
      "JobId=4 JobState=PENDING Reason=Resources Requeue=0 TimeLimit=UNLIMITED "
      "StartTime=Unknown "
      "EndTime=Unknown NodeList=(null)\n");
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->phase, JobPhase::kPending);
  EXPECT_EQ(job->reason, "Resources");
  EXPECT_EQ(job->nodes, "");
  EXPECT_EQ(job->start, 0);
  EXPECT_EQ(job->limit, 0);
  EXPECT_FALSE(job->may_requeue);
}

TEST(ParseJobTest, SeesThatSlurmNeedsTheNodes) {
  EXPECT_TRUE(
      ParseJob("JobId=4 JobState=RUNNING PreemptTime=1795935600\n")->preempted);
}

TEST(ParseJobTest, EveryStateHasAPhase) {
  const auto phase = [](const std::string& state) {
    return ParseJob("JobId=4 JobState=" + state + "\n")->phase;
  };
  EXPECT_EQ(phase("CONFIGURING"), JobPhase::kRunning);
  EXPECT_EQ(phase("SUSPENDED"), JobPhase::kRunning);
  EXPECT_EQ(phase("COMPLETING"), JobPhase::kEnding);
  EXPECT_EQ(phase("REQUEUED"), JobPhase::kPending);
  for (const char* state : {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT",
                            "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY"})
    EXPECT_EQ(phase(state), JobPhase::kEnded) << state;
}

TEST(ParseJobTest, WhatIsNoJobIsAnError) {
  EXPECT_THAT(ParseJob("No jobs in the system\n").status().cause(),
              HasSubstr("No jobs"));
}

TEST(ParseLostTest, NodesThatAreDownOrSilentAreLost) {
  EXPECT_THAT(ParseLost("node1 idle\nnode2 down\nnode3 allocated*\n"
                        "node4 fail\nnode5 mixed\nnode6 draining\n"
                        "node2 down\n"),
              ElementsAre("node2", "node3", "node4"));
}

}  // namespace
}  // namespace besom::cluster
