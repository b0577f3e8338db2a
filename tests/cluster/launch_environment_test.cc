#include "cluster/launch_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace besom::cluster {
namespace {

Environment Of(std::map<std::string, std::string, std::less<>> variables) {
  return [variables = std::move(variables)](
             std::string_view name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    if (it == variables.end()) return std::nullopt;
    return it->second;
  };
}

TEST(LaunchEnvironmentTest, NothingWithoutALauncher) {
  const auto launch = ReadLaunchEnvironment(Of({}));
  EXPECT_EQ(launch.launcher, "");
  EXPECT_FALSE(launch.size || launch.rank);
  EXPECT_FALSE(IsMpiRank(Of({})));
  EXPECT_TRUE(CheckLaunchedByOwnMpi(launch, 1).ok());
}

TEST(LaunchEnvironmentTest, MpirunInsideASlurmStepCounts) {
  const Environment environment = Of({{"OMPI_COMM_WORLD_RANK", "1"},
                                      {"OMPI_COMM_WORLD_SIZE", "4"},
                                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                                      {"SLURM_STEP_NUM_TASKS", "2"},
                                      {"SLURM_PROCID", "0"},
                                      {"PMIX_RANK", "1"}});
  const auto launch = ReadLaunchEnvironment(environment);
  EXPECT_EQ(launch.launcher, "Open MPI");
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.size, 4);
  EXPECT_EQ(launch.local_size, 2);
  EXPECT_TRUE(IsMpiRank(environment));
}

TEST(LaunchEnvironmentTest, ABatchScriptIsNoRank) {
  const Environment environment =
      Of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}});
  EXPECT_FALSE(IsMpiRank(environment));
  EXPECT_EQ(ReadLaunchEnvironment(environment).launcher, "");
}

TEST(LaunchEnvironmentTest, OnlyRanksNeedUcxToWatchMemory) {
  using testing::IsEmpty;
  const Environment alone = Of({{"SLURM_PROCID", "0"}});
  EXPECT_EQ(EnvironmentWithoutMpi(alone).at("UCX_MEM_EVENTS"), "no");
  EXPECT_THAT(EnvironmentWithoutMpi(Of({{"PMIX_RANK", "0"}})), IsEmpty());
  EXPECT_THAT(EnvironmentWithoutMpi(Of({{"OMPI_COMM_WORLD_RANK", "1"}})),
              IsEmpty());
}

TEST(LaunchEnvironmentTest, RanksOfAnotherMpiAreRefused) {
  const std::vector<Environment> wrong = {
      Of({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}, {"MPI_LOCALNRANKS", "2"}}),
      Of({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "2"}}),
      Of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "2"}}),
      Of({{"PMIX_RANK", "1"}}),
  };
  for (const Environment& environment : wrong) {
    const auto launch = ReadLaunchEnvironment(environment);
    const Status status = CheckLaunchedByOwnMpi(launch, 1);
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << launch.launcher;
    EXPECT_NE(status.cure().find("besom run -n"), std::string::npos);
    EXPECT_TRUE(CheckLaunchedByOwnMpi(launch, 2).ok());
  }
}

TEST(LaunchEnvironmentTest, OneRankOfAnyLauncherIsFine) {
  for (const Environment& environment :
       {Of({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}}), Of({{"PMIX_RANK", "0"}}),
        Of({{"OMPI_COMM_WORLD_SIZE", "many"}})})
    EXPECT_TRUE(
        CheckLaunchedByOwnMpi(ReadLaunchEnvironment(environment), 1).ok());
}

}  // namespace
}  // namespace besom::cluster
