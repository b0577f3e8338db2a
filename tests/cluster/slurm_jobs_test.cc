#include "cluster/slurm_jobs.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/fakes/programs_on_path.h"

namespace besom::cluster {
namespace {

TEST(JobStateOfTest, OverIsWhatHasNoProcessesAnyMore) {
  for (const char* state :
       {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED",
        "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "PENDING", "REQUEUE_HOLD"})
    EXPECT_EQ(JobStateOf(std::string(state) + "\n", 0), JobState::kOver)
        << state;
}

TEST(JobStateOfTest, WhateverElseSlurmSaysIsAlive) {
  for (const char* state : {"RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING",
                            "STOPPED", "A_STATE_OF_TOMORROW"})
    EXPECT_EQ(JobStateOf(std::string(state) + "\n", 0), JobState::kActive)
        << state;
  EXPECT_EQ(JobStateOf("COMPLETED\nRUNNING\n", 0), JobState::kActive);
}

TEST(JobStateOfTest, AJobThatSlurmDoesNotKnowIsOver) {
  EXPECT_EQ(JobStateOf("slurm_load_jobs error: Invalid job id specified\n", 1),
            JobState::kOver);
}

TEST(JobStateOfTest, ASlurmThatDoesNotAnswerSaysNothing) {
  EXPECT_EQ(JobStateOf("slurm_load_jobs error: Unable to contact slurm "
                       "controller (connect failure)\n",
                       1),
            JobState::kUnknown);
  EXPECT_EQ(JobStateOf("", 0), JobState::kUnknown);  // Hidden from us.
  EXPECT_EQ(JobStateOf("", 127), JobState::kUnknown);
}

class SlurmJobsTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, const std::string& script) {
    programs_.Put(name, script);
  }

  testing::ProgramsOnPath programs_;
  SlurmJobs jobs_;
};

TEST_F(SlurmJobsTest, SqueueIsAskedForThatJobInAnyState) {
  Put("squeue",
      "[ \"$*\" = '-h -t all -j 12 -o %T' ] && echo TIMEOUT || echo RUNNING");
  EXPECT_EQ(jobs_.Find("12", ""), JobState::kOver);
  EXPECT_EQ(jobs_.Find("13", ""), JobState::kActive);
}

TEST_F(SlurmJobsTest, WhatIsSaidOnStandardErrorCounts) {
  Put("squeue",
      "echo 'slurm_load_jobs error: Invalid job id specified' >&2\n"
      "exit 1");
  EXPECT_EQ(jobs_.Find("12", ""), JobState::kOver);
}

TEST_F(SlurmJobsTest, AnotherClusterCountsItsJobsAnew) {
  Put("squeue", "echo COMPLETED");
  EXPECT_EQ(jobs_.Find("12", "alpha"), JobState::kUnknown);  // No scontrol.
  Put("scontrol", "echo 'ClusterName             = beta'");
  EXPECT_EQ(jobs_.Find("12", "alpha"), JobState::kUnknown);
  EXPECT_EQ(jobs_.Find("12", "beta"), JobState::kOver);
}

TEST_F(SlurmJobsTest, OnlyNumbersArePassedOn) {
  Put("squeue", "echo COMPLETED");
  EXPECT_EQ(jobs_.Find("12; true", ""), JobState::kUnknown);
  EXPECT_EQ(jobs_.Find("", ""), JobState::kUnknown);
}

TEST_F(SlurmJobsTest, WithoutSlurmNobodyKnows) {
  ::setenv("PATH", programs_.folder().c_str(), 1);
  EXPECT_EQ(jobs_.Find("12", ""), JobState::kUnknown);
}

}  // namespace
}  // namespace besom::cluster
