#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "cluster/group_threads.h"
#include "cluster/self_group.h"
#include "tests/cluster/group_conformance.h"

namespace besom::cluster {
namespace {

using ::testing::ElementsAre;
using testing::GroupCase;
using testing::GroupCases;
using ::testing::HasSubstr;

std::string NameOf(const ::testing::TestParamInfo<GroupCase>& info) {
  return info.param.name;
}

class SelfGroupConformance : public ::testing::TestWithParam<GroupCase> {};

TEST_P(SelfGroupConformance, Holds) {
  GetParam().body(
      1, [](int shards) { return std::make_unique<SelfGroup>(shards); });
}

INSTANTIATE_TEST_SUITE_P(Self, SelfGroupConformance,
                         ::testing::ValuesIn(GroupCases(1)), NameOf);

// The groups that the members of one case make, in the order of making.
class ThreadGroups {
 public:
  explicit ThreadGroups(int ranks) : ranks_(ranks) {}

  std::unique_ptr<Group> Join(int rank, std::size_t number, int shards) {
    const std::lock_guard lock(mutex_);
    if (number == groups_.size())
      groups_.push_back(std::make_unique<GroupThreads>(ranks_, shards));
    return groups_[number]->Join(rank);
  }

 private:
  const int ranks_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<GroupThreads>> groups_;
};

class GroupThreadsConformance : public ::testing::TestWithParam<GroupCase> {
 protected:
  void RunCase(int ranks) {
    if (GetParam().least_ranks > ranks) return;
    ThreadGroups groups(ranks);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank) {
      threads.emplace_back([&, rank] {
        std::size_t made = 0;
        GetParam().body(ranks, [&](int shards) {
          return groups.Join(rank, made++, shards);
        });
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_P(GroupThreadsConformance, OneRank) { RunCase(1); }
TEST_P(GroupThreadsConformance, TwoRanks) { RunCase(2); }
TEST_P(GroupThreadsConformance, ThreeRanks) { RunCase(3); }
TEST_P(GroupThreadsConformance, FourRanks) { RunCase(4); }

INSTANTIATE_TEST_SUITE_P(Thread, GroupThreadsConformance,
                         ::testing::ValuesIn(GroupCases(4)), NameOf);

TEST(GroupThreadsTest, ADeathEndsTheOthers) {
  GroupThreads threads(3, 3);
  std::atomic<int> ended = 0;
  threads.Run([&](Group& group) {
    if (group.rank() == 1) return threads.Kill(1);
    Result<int> bucket = group.AddBucket(1000);
    if (bucket.ok() && group.Start(*bucket).ok()) (void)group.Wait(*bucket, 60);
    EXPECT_EQ(group.Poll().code(), StatusCode::kUnavailable);
    EXPECT_THAT(group.Poll().ToString(), HasSubstr("member 1: died"));
    ++ended;
  });
  EXPECT_EQ(ended, 2);
}

TEST(ShardsTest, TheFirstPiecesHaveOneMore) {
  const auto sizes = [](std::size_t count, int parts) {
    std::vector<std::size_t> found;
    std::size_t next = 0;
    for (int part = 0; part < parts; ++part) {
      const IndexRange piece = PieceOf(count, parts, part);
      EXPECT_EQ(piece.begin, next);
      next = piece.end;
      found.push_back(piece.size());
    }
    EXPECT_EQ(next, count);
    return found;
  };
  EXPECT_THAT(sizes(8, 3), ElementsAre(3, 3, 2));
  EXPECT_THAT(sizes(7, 3), ElementsAre(3, 2, 2));
  EXPECT_THAT(sizes(2, 3), ElementsAre(1, 1, 0));
  EXPECT_THAT(sizes(0, 2), ElementsAre(0, 0));
  EXPECT_THAT(sizes(5, 1), ElementsAre(5));
}

}  // namespace
}  // namespace besom::cluster
