#include "tests/cluster/group_conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <thread>

#include "cluster/group_exchange.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/random.h"

namespace besom::cluster::testing {
namespace {

using ::testing::HasSubstr;

// Longer than any of these exchanges takes on a busy machine.
constexpr double kPatience = 60;
// Everything that ought to be noticed is, long before this.
constexpr double kSeconds = 20;

void ExpectOk(const Status& status) {
  EXPECT_TRUE(status.ok()) << status.ToString();
}

// Numbers of very different sizes and both signs, so that the order in which
// they are added shows in the bits.
std::vector<float> Numbers(std::size_t floats, int bucket, int shard,
                           int round) {
  KeyedRandom random(
      7, "group",
      {static_cast<std::uint64_t>(bucket), static_cast<std::uint64_t>(shard),
       static_cast<std::uint64_t>(round)});
  std::vector<float> numbers(floats);
  std::uint32_t word = random.Next32() | 1;
  for (float& number : numbers) {
    word ^= word << 13;  // Xorshift: fast enough for a million.
    word ^= word >> 17;
    word ^= word << 5;
    const auto size = static_cast<float>(1 << (word % 24));
    number = ((word >> 8) & 1 ? 1.0F : -1.0F) * size *
             (1.0F + static_cast<float>(word >> 9) * 0x1p-23F);
  }
  return numbers;
}

// By the definition: one float at a time, shards from left to right.
std::vector<float> ReferenceSum(std::size_t floats, int bucket, int shards,
                                int round) {
  std::vector<float> sum = Numbers(floats, bucket, 0, round);
  for (int shard = 1; shard < shards; ++shard) {
    const std::vector<float> part = Numbers(floats, bucket, shard, round);
    for (std::size_t i = 0; i < floats; ++i) {
      const volatile float next = sum[i] + part[i];
      sum[i] = next;
    }
  }
  return sum;
}

// Whether the order of adding shows in the numbers at all.
bool OrderShows(std::size_t floats, int bucket, int shards, int round) {
  std::vector<float> sum = Numbers(floats, bucket, shards - 1, round);
  for (int shard = shards - 1; shard-- > 0;) {
    const std::vector<float> part = Numbers(floats, bucket, shard, round);
    for (std::size_t i = 0; i < floats; ++i) sum[i] += part[i];
  }
  return sum != ReferenceSum(floats, bucket, shards, round);
}

int MakeBucket(Group& group, std::size_t floats) {
  const Result<int> bucket = group.AddBucket(floats);
  EXPECT_TRUE(bucket.ok()) << bucket.status().ToString();
  return bucket.ok() ? *bucket : -1;
}

void Write(Group& group, int bucket, std::size_t floats, int round) {
  const IndexRange own = group.own_shards();
  for (std::size_t shard = own.begin; shard < own.end; ++shard) {
    const int number = static_cast<int>(shard);
    std::ranges::copy(Numbers(floats, bucket, number, round),
                      group.Part(bucket, number));
  }
}

void ExpectSum(Group& group, int bucket, std::size_t floats, int round) {
  const float* sum = group.Sum(bucket);
  const std::vector<float> expected =
      ReferenceSum(floats, bucket, group.shards(), round);
  for (std::size_t i = 0; i < floats; ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(sum[i]),
              std::bit_cast<std::uint32_t>(expected[i]))
        << "rank " << group.rank() << " of " << group.size() << ", "
        << group.shards() << " shards, bucket " << bucket << " of " << floats
        << ", float " << i;
  }
}

constexpr std::array kShardCounts = {1, 2, 3, 4, 7};

void OwnsItsShards(int ranks, const GroupMaker& make) {
  for (const int shards : kShardCounts) {
    if (shards < ranks) continue;
    const auto group = make(shards);
    EXPECT_EQ(group->size(), ranks);
    EXPECT_EQ(group->shards(), shards);
    std::size_t next = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const IndexRange own =
          PieceOf(static_cast<std::size_t>(shards), ranks, rank);
      EXPECT_EQ(own.begin, next);
      EXPECT_GE(own.size(), 1U);
      if (rank == group->rank()) {
        EXPECT_EQ(group->own_shards(), own);
      }
      next = own.end;
    }
    EXPECT_EQ(next, static_cast<std::size_t>(shards));
  }
}

// Buckets of many sizes, all in flight at once, waited for in another order.
void AddsInShardOrder(int ranks, const GroupMaker& make) {
  const std::vector<std::size_t> sizes = {0, 1, 17, 1000000, 4096, 40000};
  const std::vector<int> wait_order = {3, 0, 2, 5, 1, 4};
  for (const int shards : kShardCounts) {
    if (shards < ranks) continue;
    if (shards > 2) {
      ASSERT_TRUE(OrderShows(4096, 4, shards, 0));
    }
    const auto group = make(shards);
    for (const std::size_t floats : sizes) MakeBucket(*group, floats);
    for (int round = 0; round < 2; ++round) {
      for (std::size_t b = 0; b < sizes.size(); ++b) {
        Write(*group, static_cast<int>(b), sizes[b], round);
        ExpectOk(group->Start(static_cast<int>(b)));
        ExpectOk(group->Poll());
      }
      for (const int bucket : wait_order) {
        ExpectOk(group->Wait(bucket, kPatience));
        ExpectSum(*group, bucket, sizes[static_cast<std::size_t>(bucket)],
                  round);
      }
    }
  }
}

// A rank may be a whole round ahead: its next sums do not mix with these.
void ManyRoundsDoNotMix(int ranks, const GroupMaker& make) {
  constexpr std::size_t kFloats = 100;
  const auto group = make(ranks + 1);
  for (int b = 0; b < 3; ++b) MakeBucket(*group, kFloats);
  for (int round = 0; round < 400; ++round) {
    for (int bucket = 0; bucket < 3; ++bucket) {
      Write(*group, bucket, kFloats, round);
      ExpectOk(group->Start(bucket));
    }
    for (int bucket = 0; bucket < 3; ++bucket) {
      ExpectOk(group->Wait(bucket, kPatience));
      ExpectSum(*group, bucket, kFloats, round);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

void GroupsFollowOneAnother(int ranks, const GroupMaker& make) {
  for (int number = 0; number < 50; ++number) {
    const auto group = make(ranks);
    const int bucket = MakeBucket(*group, 50);
    Write(*group, bucket, 50, number);
    ExpectOk(group->Start(bucket));
    ExpectOk(group->Wait(bucket, kPatience));
    ExpectSum(*group, bucket, 50, number);
  }
}

void BytesReachEveryMember(int ranks, const GroupMaker& make) {
  const auto group = make(ranks + 2);
  auto exchange = GroupExchange::Make(*group, 256);
  ASSERT_TRUE(exchange.ok()) << exchange.status().ToString();
  const auto bytes_of = [](int rank, int round) {
    std::string bytes(256, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<char>(i + static_cast<std::size_t>(rank + round));
    return bytes;
  };
  for (int round = 0; round < 3; ++round) {
    const auto all = exchange->All(bytes_of(group->rank(), round), kPatience);
    ASSERT_TRUE(all.ok()) << all.status().ToString();
    ASSERT_EQ(all->size(), static_cast<std::size_t>(ranks));
    for (int rank = 0; rank < ranks; ++rank)
      EXPECT_EQ((*all)[static_cast<std::size_t>(rank)], bytes_of(rank, round));
  }
}

// One sum, or what came in between.
Status TrySum(Group& group, std::size_t floats) {
  BESOM_ASSIGN_OR_RETURN(const int bucket, group.AddBucket(floats));
  BESOM_RETURN_IF_ERROR(group.Start(bucket));
  return group.Wait(bucket, kPatience);
}

void ExpectBroken(Group& group, const std::string& why) {
  const Status status = group.Poll();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.ToString();
  EXPECT_THAT(status.ToString(), HasSubstr(why));
  EXPECT_EQ(group.AddBucket(1).status().code(), StatusCode::kUnavailable);
}

// Looks now and then until the group is broken.
void PollUntilBroken(Group& group) {
  const SystemClock clock;
  const double start = clock.Monotonic();
  while (clock.Monotonic() - start < kSeconds && group.Poll().ok())
    std::this_thread::yield();
}

void AnAbortEndsTheOthers(int ranks, const GroupMaker& make) {
  const auto group = make(ranks);
  if (group->rank() == ranks - 1) {
    group->Abort(Status(StatusCode::kFailed, "here", "a bad image", "mend it"));
  } else {
    const SystemClock clock;
    const double start = clock.Monotonic();
    EXPECT_FALSE(TrySum(*group, 100000).ok());
    EXPECT_LT(clock.Monotonic() - start, kSeconds);
  }
  ExpectBroken(*group, "a bad image");
  EXPECT_EQ(group->Poll().cure(), "mend it");
}

// From another thread of one member, while all are waiting.
void AnAbortFromOutsideEndsAWait(int ranks, const GroupMaker& make) {
  const auto group = make(ranks);
  std::thread other;
  if (group->rank() == 0)
    other = std::thread([&] {
      group->Abort(Status(StatusCode::kInterrupted, "", "asked to stop"));
    });
  while (TrySum(*group, 100).ok()) {
  }
  ExpectBroken(*group, "asked to stop");
  if (other.joinable()) other.join();
}

void LeavingEarlyEndsTheOthers(int ranks, const GroupMaker& make) {
  auto group = make(ranks);
  if (group->rank() == 0) {
    ExpectOk(group->Start(MakeBucket(*group, 20000)));
    return group.reset();
  }
  // The first sum may or may not come.
  while (TrySum(*group, 20000).ok()) {
  }
  ExpectBroken(*group, "left with sums under way");
}

void NobodyComes(int ranks, const GroupMaker& make) {
  const auto group = make(ranks);
  // The others learn of it.
  if (group->rank() > 0) {
    PollUntilBroken(*group);
    return ExpectBroken(*group, "came within 0.05 s");
  }
  const int bucket = MakeBucket(*group, 10000);
  ExpectOk(group->Start(bucket));
  const SystemClock clock;
  const double start = clock.Monotonic();
  EXPECT_EQ(group->Wait(bucket, 0.05).code(), StatusCode::kUnavailable);
  EXPECT_GE(clock.Monotonic() - start, 0.05);
  ExpectBroken(*group, "came within 0.05 s");
}

// Seconds of CPU that the calling thread has used.
double ThreadCpu() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         1e-9 * static_cast<double>(time.tv_nsec);
}

// Whoever spins uses a whole core, whatever else the machine does.
void NobodySpins(int ranks, const GroupMaker& make) {
  const auto group = make(ranks);
  const int bucket = MakeBucket(*group, 10);
  const SystemClock clock;
  const double start = clock.Monotonic(), cpu = ThreadCpu();
  if (group->rank() == 0) {
    while (clock.Monotonic() - start < 1)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ExpectOk(group->Start(bucket));
  ExpectOk(group->Wait(bucket, kPatience));
  if (group->rank() > 0) {
    EXPECT_LT((ThreadCpu() - cpu) / (clock.Monotonic() - start), 0.25);
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const GroupCase& it) {
  return out << it.name;
}

std::vector<GroupCase> GroupCases(int ranks) {
  std::vector<GroupCase> cases = {
      {"OwnsItsShards", 1, OwnsItsShards},
      {"AddsInShardOrder", 1, AddsInShardOrder},
      {"ManyRoundsDoNotMix", 1, ManyRoundsDoNotMix},
      {"GroupsFollowOneAnother", 1, GroupsFollowOneAnother},
      {"BytesReachEveryMember", 1, BytesReachEveryMember},
      {"AnAbortEndsTheOthers", 1, AnAbortEndsTheOthers},
      {"AnAbortFromOutsideEndsAWait", 1, AnAbortFromOutsideEndsAWait},
      {"LeavingEarlyEndsTheOthers", 2, LeavingEarlyEndsTheOthers},
      {"NobodyComes", 2, NobodyComes},
      {"NobodySpins", 2, NobodySpins},
  };
  std::erase_if(
      cases, [ranks](const GroupCase& it) { return it.least_ranks > ranks; });
  return cases;
}

}  // namespace besom::cluster::testing
