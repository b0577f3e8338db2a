#include "cluster/job_launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <sstream>
#include <thread>

#include "cluster/back_off.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/files.h"

namespace besom::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(MpirunCommandTest, OneHostWithFaultTolerance) {
  MpiJob job;
  job.mpi = {"/opt/mpirun", true, true};
  job.ranks = 4;
  job.worker = {"besom-worker", "run"};
  job.extra_options = {"--display", "map"};
  EXPECT_THAT(MpirunCommand(job),
              ElementsAre("/opt/mpirun", "-n", "4", "--map-by",
                          ":OVERSUBSCRIBE", "--bind-to", "none", "--mca", "pml",
                          "ob1", "--mca", "btl", "sm,tcp,self", "--with-ft",
                          "ulfm", "--mca", "async_mpi_finalize", "1",
                          "--display", "map", "besom-worker", "run"));
}

TEST(MpirunCommandTest, SeveralHostsKeepTheSitesNetwork) {
  MpiJob job;
  job.mpi = {"/opt/mpirun", true, false};
  job.single_host = false;
  job.worker = {"w"};
  EXPECT_THAT(MpirunCommand(job),
              ElementsAre("/opt/mpirun", "-n", "1", "--map-by",
                          "node:OVERSUBSCRIBE", "--bind-to", "none", "w"));
}

TEST(MpirunCommandTest, SomeOfTheNodesCanBeLeftOutAndInterfacesToo) {
  MpiJob job;
  job.mpi = {"/opt/mpirun", true, false};
  job.single_host = false;
  job.nodes = {"node1", "node3"};
  job.unused_interfaces = {"docker0", "lo"};
  job.extra_options = {"--mca", "pml", "ucx"};
  job.worker = {"w"};
  EXPECT_THAT(
      MpirunCommand(job),
      ElementsAre("/opt/mpirun", "-n", "1", "--map-by", "node:OVERSUBSCRIBE",
                  "--bind-to", "none", "--host", "node1,node3", "--mca",
                  "btl_tcp_if_exclude", "127.0.0.1/8,docker0,lo", "--mca",
                  "pml", "ucx", "w"));
}

TEST(SrunCommandTest, StartsRanksOnTheNodesInTurns) {
  MpiJob job;
  job.mpi = {"/opt/mpi/bin/mpirun", true, true};
  job.launcher = MpiJob::Launcher::kSrun;
  job.ranks = 4;
  job.nodes = {"node1", "node3"};
  job.worker = {"w", "run"};
  EXPECT_THAT(SrunCommand(job),
              ElementsAre("/usr/bin/env", "srun", "--mpi=pmix", "--ntasks=4",
                          "--distribution=cyclic", "--overcommit",
                          "--cpu-bind=none", "--overlap", "--nodes=2",
                          "--nodelist=node1,node3", "w", "run"));
  EXPECT_THAT(MpirunEnvironment(job, false),
              ElementsAre(Pair("OPAL_PREFIX", "/opt/mpi")));
}

TEST(MpirunCommandTest, OpenMpi4HasNamesOfItsOwn) {
  MpiJob job;
  job.mpi = {"/usr/bin/mpirun", false, false, true};
  job.ranks = 4;
  job.worker = {"w"};
  EXPECT_THAT(MpirunCommand(job),
              ElementsAre("/usr/bin/mpirun", "-n", "4", "--oversubscribe",
                          "--bind-to", "none", "--mca", "pml", "ob1", "--mca",
                          "btl", "vader,tcp,self", "w"));
  job.single_host = false;
  EXPECT_THAT(MpirunCommand(job),
              ElementsAre("/usr/bin/mpirun", "-n", "4", "--oversubscribe",
                          "--bind-to", "none", "--map-by", "node", "w"));
}

TEST(MpirunCommandTest, AnotherMpiGetsNoOptionsThatItDoesNotKnow) {
  MpiJob job;
  job.mpi = {"/opt/mpiexec", false, false};
  job.ranks = 2;
  job.worker = {"w", "x"};
  EXPECT_THAT(MpirunCommand(job),
              ElementsAre("/opt/mpiexec", "-n", "2", "w", "x"));
}

TEST(MpirunEnvironmentTest, RootIsAllowed) {
  MpiJob job;
  job.environment = {{"OMP_WAIT_POLICY", "passive"}};
  EXPECT_THAT(MpirunEnvironment(job, false),
              ElementsAre(Pair("OMP_WAIT_POLICY", "passive")));
  EXPECT_THAT(MpirunEnvironment(job, true),
              ElementsAre(Pair("OMPI_ALLOW_RUN_AS_ROOT", "1"),
                          Pair("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
                          Pair("OMP_WAIT_POLICY", "passive")));
}

TEST(RunMpiJobTest, NoMpirunIsUnavailable) {
  Interrupt interrupt;
  MpiJob job;
  job.worker = {"true"};
  EXPECT_EQ(RunMpiJob(job, interrupt).status().code(),
            StatusCode::kUnavailable);
  job.mpi.mpirun = "/nonexistent/mpirun";
  const Status status = RunMpiJob(job, interrupt).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(status.place(), "/nonexistent/mpirun");
}

// A stand-in for mpirun: runs the worker, a shell script, in its own place.
class FakeMpirunTest : public ::testing::Test {
 protected:
  FakeMpirunTest() : folder_(Path(::testing::TempDir()) / "besom_job_test") {
    std::filesystem::remove_all(folder_);
    const Path mpirun = folder_ / "mpirun";
    EXPECT_TRUE(
        WriteFileAtomic(mpirun, "#!/bin/sh\nshift 2\nexec \"$@\"\n").ok());
    std::filesystem::permissions(mpirun, std::filesystem::perms::owner_all);
    job_.mpi.mpirun = mpirun;
    job_.kill_seconds = 0.3;
    job_.environment = {{"READY", (folder_ / "ready").string()}};
  }
  ~FakeMpirunTest() override { std::filesystem::remove_all(folder_); }

  // Runs `script`; when it has made the file $READY, asks `requests` times.
  JobOutcome Run(const std::string& script, int requests = 0) {
    job_.worker = {"/bin/sh", "-c", script};
    Interrupt interrupt;
    std::thread user([&] {
      if (requests == 0) return;
      while (!std::filesystem::exists(folder_ / "ready"))
        std::this_thread::yield();
      for (int i = 0; i < requests; ++i) interrupt.Request();
    });
    auto outcome = RunMpiJob(job_, interrupt);
    user.join();
    EXPECT_TRUE(outcome.ok()) << outcome.status().ToString();
    return outcome.ok() ? *outcome : JobOutcome();
  }
  std::string Text(const char* name) {
    auto text = ReadFile(folder_ / name);
    return text.ok() ? *text : text.status().ToString();
  }

  const Path folder_;
  MpiJob job_;
};

TEST_F(FakeMpirunTest, TheExitCodeComesBack) {
  EXPECT_EQ(Run("exit 0").exit_code, 0);
  EXPECT_EQ(Run("exit 5").exit_code, 5);
  const JobOutcome killed = Run("kill -9 $$");
  EXPECT_EQ(killed.signal, 9);
  EXPECT_EQ(killed.exit_code, 137);
  EXPECT_FALSE(killed.killed);
}

TEST_F(FakeMpirunTest, TheChildHasNoInputAndAGroupOfItsOwn) {
  EXPECT_EQ(Run("cat >$READY; cut -d' ' -f1,5 /proc/$$/stat >$READY").exit_code,
            0);
  int pid = 0, group = -1;
  std::istringstream(Text("ready")) >> pid >> group;
  EXPECT_EQ(pid, group);
}

TEST_F(FakeMpirunTest, TheFirstRequestIsSigusr1) {
  job_.stop_seconds = 60;
  const JobOutcome outcome =
      Run("trap 'exit 3' USR1; : >$READY; while :; do sleep 0.01; done", 1);
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.interrupts, 1);
  EXPECT_FALSE(outcome.killed);
}

TEST_F(FakeMpirunTest, TheSecondIsSigterm) {
  job_.stop_seconds = 60;
  const JobOutcome outcome =
      Run("trap '' USR1; trap 'exit 4' TERM; : >$READY; "
          "while :; do sleep 0.01; done",
          2);
  EXPECT_EQ(outcome.exit_code, 4);
  EXPECT_EQ(outcome.interrupts, 2);
}

TEST_F(FakeMpirunTest, ThenComesSigkill) {
  job_.stop_seconds = 0.1;
  const JobOutcome outcome =
      Run("trap '' USR1 TERM; : >$READY; while :; do sleep 0.01; done", 1);
  EXPECT_EQ(outcome.signal, 9);
  EXPECT_TRUE(outcome.killed);
}

TEST_F(FakeMpirunTest, WhatEndsBeforeTheAllocationDoesIsWaitedFor) {
  job_.stop_seconds = 0.1;
  job_.end_by = SystemClock().Wall() + 60;
  const JobOutcome outcome =
      Run("trap 'sleep 1; exit 3' USR1; : >$READY; while :; do sleep 0.01; "
          "done",
          1);
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.signal, 0);
}

TEST_F(FakeMpirunTest, WhatItLeavesBehindIsEnded) {
  const JobOutcome outcome = Run("setsid sleep 1000 & echo $! >$READY; exit 0");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.killed);
  EXPECT_NE(::kill(std::stoi(Text("ready")), 0), 0);
}

TEST(BackOffTest, LooksLessOftenTheLongerItWaits) {
  EXPECT_EQ(BackOffSeconds(0), 0);
  EXPECT_GT(BackOffSeconds(1e-3), BackOffSeconds(100e-6));
  for (double waited = 50e-6; waited < 1e-2; waited *= 1.3)
    EXPECT_LE(BackOffSeconds(waited), 0.5 * waited) << waited;
  EXPECT_LE(BackOffSeconds(1e6), 5e-3);
}

}  // namespace
}  // namespace besom::cluster
