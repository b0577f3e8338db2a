#include "cluster/slurm_jobs.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

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

/// Real processes: stand-ins for Slurm's programs on a PATH of its own.
class SlurmJobsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    ::setenv("PATH", (folder_.string() + ":" + path_).c_str(), 1);
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  void Put(const std::string& name, const std::string& script) {
    std::ofstream(folder_ / name) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(folder_ / name,
                                 std::filesystem::perms::owner_all);
  }

  const std::string path_ = std::getenv("PATH");
  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
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
  ::setenv("PATH", folder_.c_str(), 1);
  EXPECT_EQ(jobs_.Find("12", ""), JobState::kUnknown);
}

}  // namespace
}  // namespace besom::cluster
