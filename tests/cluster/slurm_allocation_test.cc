#include "cluster/slurm_allocation.h"

#include <gtest/gtest.h>

#include <map>

namespace besom::cluster {
namespace {

Environment With(std::map<std::string, std::string, std::less<>> variables) {
  return [variables = std::move(variables)](
             std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(SlurmAllocationTest, OutsideOfAJobThereIsNone) {
  EXPECT_EQ(ReadAllocation(With({})), std::nullopt);
  EXPECT_EQ(ReadAllocation(With({{"SLURM_JOB_NUM_NODES", "3"}})), std::nullopt);
}

TEST(SlurmAllocationTest, ReadsNodesCoresAndGpus) {
  const auto allocation =
      ReadAllocation(With({{"SLURM_JOB_ID", "12"},
                           {"SLURM_CLUSTER_NAME", "alpha"},
                           {"SLURM_JOB_NODELIST", "gpu[1-2]"},
                           {"SLURM_JOB_NUM_NODES", "2"},
                           {"SLURM_JOB_CPUS_PER_NODE", "32(x2)"},
                           {"SLURM_GPUS_ON_NODE", "4"},
                           {"SLURM_RESTART_COUNT", "2"}}));
  ASSERT_TRUE(allocation);
  EXPECT_EQ(*allocation,
            (SlurmAllocation{"12", "alpha", "gpu[1-2]", 2, 32, 4, 2}));
}

TEST(SlurmAllocationTest, WhatIsMissingIsTheLeast) {
  const auto allocation = ReadAllocation(With({{"SLURM_JOB_ID", "12"}}));
  ASSERT_TRUE(allocation);
  EXPECT_EQ(*allocation, (SlurmAllocation{"12", "", "", 1, 1, 0, 0}));
}

TEST(SlurmAllocationTest, AJobOfAnArrayIsNamedByItsPlaceInIt) {
  const auto allocation = ReadAllocation(With({{"SLURM_JOB_ID", "14"},
                                               {"SLURM_ARRAY_JOB_ID", "12"},
                                               {"SLURM_ARRAY_TASK_ID", "2"}}));
  ASSERT_TRUE(allocation);
  EXPECT_EQ(allocation->job, "12_2");
}

}  // namespace
}  // namespace besom::cluster
