#include "pipeline/store/sweep_shard.h"

#include <gtest/gtest.h>

#include "pipeline/store/workspace_layout.h"

namespace besom {
namespace {

TEST(SweepShardTest, ReadsWhatItWrites) {
  for (const SweepShard shard : {SweepShard{1, 0}, SweepShard{3, 2}}) {
    EXPECT_EQ(*SweepShard::Parse(shard.ToText()), shard);
    EXPECT_EQ(SweepShard::FromFileName(shard.FileName()), shard);
  }
  EXPECT_EQ((SweepShard{3, 0}.ToText()), "0/3");
  EXPECT_EQ((SweepShard{3, 0}.FileName()), "0-of-3");
}

TEST(SweepShardTest, RefusesWhatIsNoShard) {
  for (const char* text : {"", "/", "1", "3/3", "0/0", "-1/3", "1/-3", "a/3",
                           "1/3/4", " 1/3", "+1/3", "1/3 ", "0/100001"})
    EXPECT_EQ(SweepShard::Parse(text).status().code(), StatusCode::kInvalid)
        << text;
  // No other name of the same shard.
  EXPECT_FALSE(SweepShard::FromFileName("00-of-3"));
}

TEST(SweepShardTest, BlocksFollowOneAnotherAndDifferByOneAtMost) {
  for (std::size_t trials = 0; trials < 20; ++trials)
    for (int count = 1; count < 8; ++count) {
      std::size_t next = 0;
      for (int index = 0; index < count; ++index) {
        const SweepShard::Block block =
            SweepShard{count, index}.BlockOf(trials);
        EXPECT_EQ(block.first, next);
        const std::size_t least = trials / static_cast<std::size_t>(count);
        EXPECT_GE(block.end - block.first, least);
        EXPECT_LE(block.end - block.first, least + 1);
        next = block.end;
      }
      EXPECT_EQ(next, trials);
    }
}

TEST(SweepShardTest, PartsAndLocksAreFoundByTheirNames) {
  const Path root = Path(::testing::TempDir()) / "sweep_shard_test";
  std::filesystem::remove_all(root);
  const WorkspaceLayout layout(root);
  EXPECT_TRUE(layout.ListParts("a b")->empty());
  EXPECT_TRUE(layout.ListAllParts()->empty());
  const SweepShard last{12, 11}, second{12, 2};
  for (const SweepShard& shard : {last, second}) {
    ASSERT_TRUE(WriteFileAtomic(layout.part("a b", shard), "").ok());
    ASSERT_TRUE(WriteFileAtomic(layout.shard_lock("a b", shard), "").ok());
  }
  // Of others, or of nobody.
  ASSERT_TRUE(WriteFileAtomic(layout.part("a", second), "").ok());
  ASSERT_TRUE(WriteFileAtomic(layout.parts_of("a b") / "x.db", "").ok());
  ASSERT_TRUE(
      WriteFileAtomic(layout.part("a b", second).string() + "-wal", "").ok());
  for (const Path& lock :
       {layout.sweep_lock("a b"), layout.parts_lock("a b"),
        layout.shard_lock("a", second), layout.workspace_lock()})
    ASSERT_TRUE(WriteFileAtomic(lock, "").ok());
  const std::vector<SweepShard> both = {second, last};
  EXPECT_EQ(*layout.ListParts("a b"), both);
  EXPECT_EQ(*layout.ListShardLocks("a b"), both);
  EXPECT_EQ(layout.ListAllParts()->size(), 3u);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace besom
