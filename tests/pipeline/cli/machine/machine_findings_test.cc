#include <gmock/gmock.h>

#include "pipeline/cli/machine/machine_facts.h"

namespace besom::cli {
namespace {

using ::testing::HasSubstr;

MachineFacts GoodMachine() {
  return {.cores = 4,
          .memory = {16'000'000'000, 12'000'000'000},
          .gpus = {},
          .capabilities = Json{{"libtorch", "2.15.0"},
                               {"mpi", "Open MPI 5.0.11, package: somebody"},
                               {"ulfm", true},
                               {"nccl", "2.30.7"},
                               {"cuda_devices", 0}},
          .mpirun = "/opt/bin/mpirun",
          .weights = {"efficientnet_lite0"},
          .weights_folder = "/weights",
          .workspace = {"/runs", true, "ext4", false, 90'000'000'000,
                        Status::Ok()}};
}

Finding Find(const MachineFacts& facts, const std::string& name) {
  for (const Finding& finding : JudgeMachine(facts)) {
    if (finding.name == name) return finding;
  }
  ADD_FAILURE() << "no finding named " << name;
  return {};
}

TEST(MachineFindingsTest, AGoodMachineLacksNothing) {
  const auto findings = JudgeMachine(GoodMachine());
  EXPECT_EQ(DoctorExitCode(findings), 0);
  const std::string table = FindingsTable(findings);
  for (const char* word : {"4 usable", "16.0 GB", "2.15.0", "ULFM): yes",
                           "2.30.7", "efficientnet_lite0", "ext4", "90.0 GB"})
    EXPECT_THAT(table, HasSubstr(word));
  EXPECT_EQ(FindingsJson(findings)["MPI"]["facts"]["ulfm"], true);
}

TEST(MachineFindingsTest, MpiIsNamedWithoutWhoBuiltIt) {
  EXPECT_THAT(Find(GoodMachine(), "MPI").value,
              ::testing::StartsWith("Open MPI 5.0.11, fault tolerance"));
}

TEST(MachineFindingsTest, AWorkerThatDoesNotRunIsMissing) {
  MachineFacts facts = GoodMachine();
  facts.capabilities =
      Status(StatusCode::kUnavailable, "/bin/worker", "does not run", "build");
  EXPECT_EQ(DoctorExitCode(JudgeMachine(facts)), 4);
  EXPECT_EQ(Find(facts, "worker").cure, "build");
}

TEST(MachineFindingsTest, AWorkspaceWithoutLocksIsMissing) {
  MachineFacts facts = GoodMachine();
  facts.workspace.usable =
      Status(StatusCode::kUnavailable, "/runs", "no locks", "use -w");
  EXPECT_EQ(DoctorExitCode(JudgeMachine(facts)), 4);
  EXPECT_EQ(Find(facts, "workspace").cure, "use -w");
}

TEST(MachineFindingsTest, WhatASweepCanDoWithoutIsANote) {
  MachineFacts facts = GoodMachine();
  facts.weights.clear();
  (*facts.capabilities)["ulfm"] = false;
  facts.memory.available = 1'000'000'000;
  facts.gpus = {"GPU-1", "GPU-2"};
  (*facts.capabilities)["cuda_devices"] = 1;
  EXPECT_EQ(DoctorExitCode(JudgeMachine(facts)), 0);
  for (const char* name : {"weights", "MPI", "memory", "GPUs"}) {
    EXPECT_EQ(Find(facts, name).state, Finding::State::kNote) << name;
    EXPECT_NE(Find(facts, name).cure, "") << name;
  }
  EXPECT_EQ(Find(facts, "GPUs").value, "1 usable of 2");
}

TEST(MachineFindingsTest, CapabilitiesOfAnotherShapeAreMissing) {
  MachineFacts facts = GoodMachine();
  facts.capabilities = Json{{"libtorch", nullptr},
                            {"mpi", "x"},
                            {"ulfm", "?"},
                            {"cuda_devices", "?"}};
  EXPECT_EQ(DoctorExitCode(JudgeMachine(facts)), 4);
}

}  // namespace
}  // namespace besom::cli
