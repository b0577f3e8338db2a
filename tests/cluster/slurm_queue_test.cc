#include "cluster/slurm_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/programs_on_path.h"

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
    // Not to be tried again: the job may be there.
    EXPECT_EQ(job.status().code(), StatusCode::kInvalid);
  }
}

TEST(ParseJobsOfTest, ThoseOfTheScriptAreNamedWithTheirTask) {
  EXPECT_THAT(ParseJobsOf("12|N/A|/w/slurm/a.sbatch\n"
                          "13|N/A|/w/slurm/ab.sbatch\n"
                          "a site's warning | of some kind\n"
                          "14|3|/w/slurm/a.sbatch\n"
                          "15|N/A|/w/slurm/a.sbatch --more\n",
                          "/w/slurm/a.sbatch"),
              ElementsAre("12", "14_3"));
}

TEST(ParseNodesTest, WordsOfTheSiteAreNoNodes) {
  EXPECT_THAT(ParseNodes("ERROR: ld.so: object 'x' cannot be preloaded\n"
                         "node1\nnode2\n"),
              ElementsAre("node1", "node2"));
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

TEST(ParseJobTest, WordsOfTheSiteAreNoJob) {
  const auto job = ParseJob(
      "scontrol: error: a key of another version\n"
      "JobId=4 JobState=RUNNING ExcNodeList=node[2,5]\n");
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->job, "4");
  EXPECT_EQ(job->excluded, "node[2,5]");
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

TEST(SlurmQueueTest, ATaskThatAnArrayHasForgottenIsNotThere) {
  testing::ProgramsOnPath programs;
  for (const char* words :
       {"Job 12_0 not found", "slurm_load_jobs error: Invalid job id"}) {
    programs.Put("scontrol", "echo '" + std::string(words) + "' >&2\nexit 1");
    EXPECT_EQ(FindJob({"12_0", ""}).status().code(), StatusCode::kNotFound);
  }
}

TEST(SlurmQueueTest, ASlurmThatDoesNotAnswerMayLater) {
  testing::ProgramsOnPath programs;
  for (const char* words :
       {"slurm_load_jobs error: Unable to contact slurm controller",
        "slurm_load_jobs error: Protocol authentication error"}) {
    programs.Put("scontrol", "echo '" + std::string(words) + "' >&2\nexit 1");
    EXPECT_EQ(FindJob({"12", ""}).status().code(), StatusCode::kIo);
  }
}

TEST(SlurmQueueTest, AJobOfAnotherClusterIsAskedForThere) {
  testing::ProgramsOnPath programs;
  for (const char* name : {"scontrol", "scancel"})
    programs.Put(name,
                 "[ \"$1\" = --clusters=beta ] || exit 1\n"
                 "echo JobId=12 JobState=RUNNING");
  EXPECT_TRUE(FindJob({"12", "beta"}).ok());
  EXPECT_TRUE(Cancel({"12", "beta"}).ok());
  EXPECT_TRUE(SignalScript({"12", "beta"}, "USR1").ok());
  EXPECT_FALSE(FindJob({"12", ""}).ok());
}

TEST(SlurmQueueTest, WhatTheUserExcludedStaysExcluded) {
  testing::ProgramsOnPath programs;
  const std::string asked = (programs.folder() / "asked").string();
  programs.Put("scontrol",
               "[ \"$1\" = update ] && echo \"$*\" > " + asked +
                   "\necho JobId=12 JobState=PENDING ExcNodeList=bad1");
  ASSERT_TRUE(ExcludeNodes("12", {"node3"}).ok());
  EXPECT_EQ(*ReadFile(asked), "update JobId=12 ExcNodeList=bad1,node3\n");
}

}  // namespace
}  // namespace besom::cluster
