#include "pipeline/run/shard_work.h"

#include <gtest/gtest.h>

#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

// split <- f1 <- t0, t1     f2 <- t2      Two shards: {t0, t1} and {t2}, or
//       <- f2                             three of one trial each.
class ShardWorkTest : public ::testing::Test {
 protected:
  enum : TaskId { kSplit, kF1, kF2, kT0, kT1, kT2, kAudit, kViews, kUnused };

  void SetUp() override {
    std::filesystem::remove_all(root_);
    sweep_.graph = testing::MakeGraph({{"split", 1, {}},
                                       {"f1", 1, {"split"}},
                                       {"f2", 1, {"split"}},
                                       {"t0", 1, {"f1"}},
                                       {"t1", 1, {"f1"}},
                                       {"t2", 1, {"f2"}},
                                       {"audit", 1, {"split"}},
                                       {"views", 1, {}},
                                       {"unused", 1, {}}});
    PlannedData data;
    data.split = kSplit;
    data.augment = kViews;
    data.audit = kAudit;
    sweep_.data.push_back(data);
    for (const TaskId evaluate : {kT0, kT1, kT2}) {
      PlannedTrial& trial = sweep_.trials.emplace_back();
      trial.id = sweep_.graph[evaluate].label;
      trial.fits.push_back({0, 0, evaluate, evaluate});
    }
    earlier_.actions.resize(sweep_.graph.size());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::vector<TaskId> Shared(int count) {
    const std::vector<bool> shared = SharedTasks(sweep_, count);
    std::vector<TaskId> tasks;
    for (TaskId task = 0; task < shared.size(); ++task)
      if (shared[task]) tasks.push_back(task);
    return tasks;
  }
  /// The trials that shard 0/2 is left with.
  std::vector<std::string> Kept(bool retry_failed = false) {
    SweepGraph sweep = sweep_;
    failed_ = KeepWorkOf(sweep, {2, 0}, earlier_, retry_failed, blobs_);
    std::vector<std::string> ids;
    for (const PlannedTrial& trial : sweep.trials) ids.push_back(trial.id);
    return ids;
  }

  const Path root_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const BlobStore blobs_{WorkspaceLayout(root_)};
  SweepGraph sweep_;
  EarlierWork earlier_;
  std::size_t failed_ = 0;
};

TEST_F(ShardWorkTest, SharedIsWhatBlocksHaveInCommon) {
  using Tasks = std::vector<TaskId>;
  EXPECT_EQ(Shared(1), Tasks{});
  EXPECT_EQ(Shared(2), Tasks{kSplit});
  EXPECT_EQ(Shared(3), (Tasks{kSplit, kF1}));
}

TEST_F(ShardWorkTest, ABlockIsLeftWithWhatHasNotEnded) {
  using Ids = std::vector<std::string>;
  EXPECT_EQ(Kept(), (Ids{"t0", "t1"}));
  earlier_.states = {{"t0", db::TrialState::kFailed},
                     {"t1", db::TrialState::kDone},
                     {"t2", db::TrialState::kFailed}};
  // Its evaluation is gone.
  EXPECT_EQ(Kept(), Ids{"t1"});
  EXPECT_EQ(failed_, 1u);
  const BlobRef blob = *BlobStore(WorkspaceLayout(root_)).Put("evaluation");
  earlier_.actions[kT1].emplace();
  earlier_.actions[kT1]->blobs = {{"out", blob.digest.Hex(), blob.size}};
  EXPECT_EQ(Kept(), Ids{});
  EXPECT_EQ(Kept(/*retry_failed=*/true), Ids{"t0"});
  EXPECT_EQ(failed_, 0u);
}

}  // namespace
}  // namespace besom::run
