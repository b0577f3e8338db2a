// Ranks as threads, some of which have another folder as their workspace.
#include "pipeline/run/workspace_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>

#include "cluster/thread_communicator.h"
#include "pipeline/run/rank_executor.h"
#include "pipeline/run/rank_worker.h"

namespace besom::run {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// One for all ranks, which stands still.
class SharedClock final : public Clock {
 public:
  double Monotonic() const override { return now; }
  double Wall() const override { return 1e9 + now; }
  std::atomic<double> now = 100;
};

/// Sets that one on by 20 seconds whenever it is looked at.
class HastyClock final : public Clock {
 public:
  explicit HastyClock(SharedClock& clock) : clock_(clock) {}
  double Monotonic() const override { return clock_.now += 20; }
  double Wall() const override { return 1e9 + Monotonic(); }

 private:
  SharedClock& clock_;
};

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
      const bool sees = shares[static_cast<std::size_t>(rank)];
      BlobStore store(LayoutOf(root_, sees, rank), DiskCalls::System(),
                      sees ? Patience{} : blind_patience_);
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
          {executor, store, clock_, [this] { return StopRequests(); }, lease_});
      EXPECT_TRUE(std::filesystem::is_empty(store.layout().root()));
      EXPECT_TRUE(executor.Shutdown().ok());
      over_.release();
    });
    return checked;
  }
  int StopRequests() {
    if (silent_ != 0) clock_.now += 10;
    return stop_;
  }

  const Path root_ = Path(::testing::TempDir()) / "workspace_check_test";
  SharedClock clock_;
  HastyClock hasty_clock_{clock_};
  Patience blind_patience_;  ///< Of those who do not see rank 0's folder.
  double lease_ = 2;
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

/// Rank 0's folder is local, the other's is of that name on a network disk.
TEST_F(WorkspaceCheckTest, OneThatLooksForLongOnItsNetworkDiskIsAwaited) {
  blind_patience_ = {60, &hasty_clock_, {}};
  lease_ = 60;
  const Status checked = Check({true, false});
  EXPECT_EQ(checked.code(), StatusCode::kUnavailable);
  EXPECT_THAT(checked.ToString(), HasSubstr("host1 does not see"));
}

/// Rank 0 of two waits for nobody; then the other says that it sees nothing,
/// and what it has computed.
class LateAnswerTest : public WorkspaceCheckTest {
 protected:
  /// What rank 0 is told afterwards.
  std::vector<ExecutorEvent> Events(bool store_ranks) {
    std::vector<ExecutorEvent> events;
    cluster::ThreadGroup group(2);
    group.Run([&](cluster::Communicator& comm) {
      if (comm.rank() > 0) {
        asked_.acquire();
        TaskReport report;
        ASSERT_TRUE(comm.Send(0, Encode(TokenAnswer{false, "host1"})).ok());
        ASSERT_TRUE(comm.Send(0, Encode(report)).ok());
        over_.release();
        return;
      }
      BlobStore store(LayoutOf(root_, true, 0));
      TaskRunner runner = Runner(store, 0);
      RankExecutor executor(comm, runner, std::vector<RankTraits>(2));
      const auto sights = executor.AskForToken({}, [] { return 0.0; });
      ASSERT_EQ(sights.value()[1].kind, WorkspaceSight::Kind::kSilent);
      if (store_ranks) executor.KeepApart(*sights);
      asked_.release();
      over_.acquire();
      for (int i = 0; i < 3; ++i)
        if (std::optional<ExecutorEvent> event = *executor.Wait(0))
          events.push_back(*std::move(event));
    });
    return events;
  }
  std::counting_semaphore<> asked_{0};
};

TEST_F(LateAnswerTest, OfARankThatSeesNothingCostsItsWork) {
  const std::vector<ExecutorEvent> events = Events(/*store_ranks=*/false);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].rank, 1);
  EXPECT_TRUE(std::holds_alternative<RankLost>(events[0].what));
}

TEST_F(LateAnswerTest, OfARankWithAStoreOfItsOwnCostsNothing) {
  const std::vector<ExecutorEvent> events = Events(/*store_ranks=*/true);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<TaskReport>(events[0].what));
}

TEST_F(WorkspaceCheckTest, ADeadRankIsNotAwaited) {
  dies_ = 2;
  EXPECT_TRUE(Check({true, true, true}).ok());
}

TEST_F(WorkspaceCheckTest, ASilentRankIsAwaitedForALeaseAndALook) {
  silent_ = 1;
  EXPECT_TRUE(Check({true, true, true}).ok());
  EXPECT_GE(clock_.now, 162);
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
