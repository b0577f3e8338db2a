// Ranks as threads, some of which have another folder as their workspace.
#include "pipeline/run/workspace_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>

#include "cluster/thread_communicator.h"
#include "pipeline/run/rank_executor.h"
#include "pipeline/run/rank_worker.h"
#include "tests/fakes/manual_clock.h"

namespace besom::run {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkspaceCheckTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(root_); }
  void TearDown() override { SetUp(); }

  static WorkspaceLayout LayoutOf(const Path& root, bool shared, int rank) {
    return WorkspaceLayout(
        root / (shared ? std::string("shared") : std::to_string(rank)));
  }
  TaskRunner Runner(BlobStore& store, int rank) {
    return TaskRunner(store, stages_, clock_,
                      {.host = "host" + std::to_string(rank)});
  }

  /// The check by rank 0 of three; `shares` says who shares its workspace.
  Status Check(const std::vector<bool>& shares) {
    Status checked;
    cluster::ThreadGroup group(static_cast<int>(shares.size()));
    group.Run([&](cluster::Communicator& comm) {
      const int rank = comm.rank();
      BlobStore store(
          LayoutOf(root_, shares[static_cast<std::size_t>(rank)], rank));
      TaskRunner runner = Runner(store, rank);
      if (rank > 0) {
        if (rank == dies_) return group.Kill(rank);
        if (rank == silent_) return over_.acquire();
        EXPECT_TRUE(RankWorker(comm, runner).Run().ok());
        return;
      }
      RankExecutor executor(comm, runner,
                            std::vector<RankTraits>(shares.size()));
      checked = CheckWorkspace(
          {executor, store, clock_, [this] { return StopRequests(); }, 2});
      EXPECT_TRUE(std::filesystem::is_empty(store.layout().root()));
      EXPECT_TRUE(executor.Shutdown().ok());
      over_.release();
    });
    return checked;
  }
  int StopRequests() {
    if (silent_ != 0) clock_.now += 1;
    return stop_;
  }

  const Path root_ = Path(::testing::TempDir()) / "workspace_check_test";
  testing::ManualClock clock_;
  stages::StageRegistry stages_;
  int dies_ = 0, silent_ = 0, stop_ = 0;
  std::counting_semaphore<> over_{0};
};

TEST_F(WorkspaceCheckTest, AllSeeOneFolder) {
  const Status checked = Check({true, true, true});
  EXPECT_TRUE(checked.ok()) << checked.ToString();
}

TEST_F(WorkspaceCheckTest, HostsThatDoNotAreNamed) {
  const Status checked = Check({true, false, true, false});
  EXPECT_EQ(checked.code(), StatusCode::kUnavailable);
  EXPECT_THAT(checked.ToString(),
              AllOf(HasSubstr("host1, host3 do not see what host0 writes"),
                    Not(HasSubstr("host2")), HasSubstr("`store: ranks`")));
}

TEST_F(WorkspaceCheckTest, ADeadRankIsNotAwaited) {
  dies_ = 2;
  EXPECT_TRUE(Check({true, true, true}).ok());
}

TEST_F(WorkspaceCheckTest, ASilentRankIsAwaitedForALease) {
  silent_ = 1;
  EXPECT_TRUE(Check({true, true, true}).ok());
  EXPECT_GE(clock_.now, 102);
}

TEST_F(WorkspaceCheckTest, AWishToStopEndsIt) {
  stop_ = 1;
  EXPECT_EQ(Check({true, true}).code(), StatusCode::kInterrupted);
}

TEST_F(WorkspaceCheckTest, OneRankOnALocalDiskTriesNothing) {
  cluster::ThreadGroup group(1);
  group.Run([&](cluster::Communicator& comm) {
    BlobStore store(LayoutOf(root_, true, 0));
    TaskRunner runner = Runner(store, 0);
    RankExecutor executor(comm, runner, {RankTraits{}});
    EXPECT_TRUE(
        CheckWorkspace({executor, store, clock_, [] { return 0; }, 2}).ok());
    EXPECT_FALSE(std::filesystem::exists(root_));
  });
}

}  // namespace
}  // namespace besom::run
