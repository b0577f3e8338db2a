#include "pipeline/cli/machine/machine_facts.h"

#include <gmock/gmock.h>

#include "tests/pipeline/cli/machine/image_tree.h"

namespace besom::cli {
namespace {

using MachineFactsTest = besom::testing::ImageTree;

TEST(MemoryTest, IsTheMachinesOrTheGroups) {
  const std::string meminfo =
      "MemTotal:       8000 kB\nMemFree:  1 kB\nMemAvailable:   6000 kB\n";
  const MemoryFacts all = ParseMemory(meminfo, std::nullopt);
  EXPECT_EQ(all.total, 8000u * 1024);
  EXPECT_EQ(all.available, 6000u * 1024);
  const MemoryFacts limited = ParseMemory(meminfo, 5000u * 1024);
  EXPECT_EQ(limited.total, 5000u * 1024);
  EXPECT_EQ(limited.available, 5000u * 1024);
  EXPECT_EQ(ParseMemory("", std::nullopt).total, 0u);
}

TEST_F(MachineFactsTest, WorkspaceIsJudgedByItsNearestFolder) {
  const WorkspaceFacts facts = ReadWorkspace(root_ / "not" / "there");
  EXPECT_FALSE(facts.exists);
  EXPECT_TRUE(facts.usable.ok()) << facts.usable.ToString();
  EXPECT_GT(facts.free_bytes, 0u);
  EXPECT_FALSE(facts.filesystem.empty());
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(MachineFactsTest, WorkspaceWithoutLocksIsNotUsable) {
  // Nobody, not even root, makes files here.
  const WorkspaceFacts facts = ReadWorkspace("/proc/besom");
  EXPECT_EQ(facts.usable.code(), StatusCode::kUnavailable);
  EXPECT_THAT(facts.usable.cure(), ::testing::HasSubstr("-w"));
}

TEST_F(MachineFactsTest, CapabilitiesAreOneLineOfJson) {
  const auto worker = [&](const std::string& body) {
    Put("worker", "#!/bin/sh\n" + body + "\n");
    const std::filesystem::path program = root_ / "worker";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    return WorkerCapabilities(program.string());
  };
  const auto good =
      worker("test \"$1\" = --capabilities && echo '{\"mpi\":\"x\"}'");
  ASSERT_TRUE(good.ok()) << good.status().ToString();
  EXPECT_EQ(good->at("mpi"), "x");
  EXPECT_EQ(worker("echo nonsense").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(worker("exit 127").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(WorkerCapabilities((root_ / "none").string()).status().code(),
            StatusCode::kUnavailable);
}

}  // namespace
}  // namespace besom::cli
