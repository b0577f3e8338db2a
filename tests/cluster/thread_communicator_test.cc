#include "cluster/thread_communicator.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace besom::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kForever = std::numeric_limits<double>::infinity();

// All that arrives at once, with "-" where Receive returned nothing.
std::vector<std::string> Poll(Communicator& comm, int calls) {
  std::vector<std::string> heard;
  for (int i = 0; i < calls; ++i) {
    const auto message = comm.Receive(0);
    EXPECT_TRUE(message.ok());
    heard.push_back(*message ? (*message)->bytes : "-");
  }
  return heard;
}

TEST(ThreadFaultTest, DeathIsToldAfterTheLastMessage) {
  ThreadGroup group(3);
  const auto zero = group.Join(0), one = group.Join(1), two = group.Join(2);
  ASSERT_TRUE(one->Send(0, "a").ok());
  ASSERT_TRUE(one->Send(0, "b").ok());
  group.Kill(1);
  EXPECT_EQ((*zero->Receive(kForever))->bytes, "a");
  EXPECT_THAT(zero->FailedRanks(), IsEmpty());
  EXPECT_EQ((*zero->Receive(kForever))->bytes, "b");
  EXPECT_EQ(*zero->Receive(kForever), std::nullopt);
  EXPECT_THAT(zero->FailedRanks(), ElementsAre(1));
  EXPECT_EQ(*two->Receive(kForever), std::nullopt);
  EXPECT_THAT(two->FailedRanks(), ElementsAre(1));
}

TEST(ThreadFaultTest, DeathIsToldAfterAMessageThatIsDelayed) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    ThreadGroup group(2, {.seed = seed, .max_hold = 5});
    const auto zero = group.Join(0), one = group.Join(1);
    ASSERT_TRUE(one->Send(0, "last").ok());
    group.Kill(1);
    while (!zero->Receive(0)->has_value())
      ASSERT_THAT(zero->FailedRanks(), IsEmpty());
    EXPECT_THAT(Poll(*zero, 1), ElementsAre("-"));
    EXPECT_THAT(zero->FailedRanks(), ElementsAre(1));
  }
}

TEST(ThreadFaultTest, ADeadRankCanDoNothing) {
  ThreadGroup group(2);
  const auto zero = group.Join(0), one = group.Join(1);
  group.Kill(1);
  EXPECT_EQ(one->Send(0, "x").code(), StatusCode::kInterrupted);
  EXPECT_EQ(one->Receive(kForever).status().code(), StatusCode::kInterrupted);
  EXPECT_EQ(one->Close().code(), StatusCode::kInterrupted);
  EXPECT_TRUE(zero->Send(1, "into the void").ok());
  EXPECT_THAT(Poll(*zero, 2), ElementsAre("-", "-"));
}

TEST(ThreadFaultTest, MessagesInFlightCanBeLost) {
  ThreadGroup group(2, {.lose_in_flight = true});
  const auto zero = group.Join(0), one = group.Join(1);
  ASSERT_TRUE(one->Send(0, "lost").ok());
  group.Kill(1);
  EXPECT_EQ(*zero->Receive(kForever), std::nullopt);
  EXPECT_THAT(zero->FailedRanks(), ElementsAre(1));
}

TEST(ThreadFaultTest, ARankDiesInTheSendThatWasChosen) {
  ThreadGroup group(2, {.die_at_send = {{1, 2}}});
  const auto zero = group.Join(0), one = group.Join(1);
  EXPECT_TRUE(one->Send(0, "0").ok());
  EXPECT_TRUE(one->Send(0, "1").ok());
  EXPECT_EQ(one->Send(0, "2").code(), StatusCode::kInterrupted);
  EXPECT_THAT(Poll(*zero, 3), ElementsAre("0", "1", "-"));
  EXPECT_THAT(zero->FailedRanks(), ElementsAre(1));
}

TEST(ThreadFaultTest, ARankThatClosedHasNotFailed) {
  ThreadGroup group(2);
  const auto zero = group.Join(0), one = group.Join(1);
  EXPECT_TRUE(one->Close().ok());
  group.Kill(1);
  EXPECT_TRUE(zero->Send(1, "too late").ok());
  EXPECT_THAT(Poll(*zero, 1), ElementsAre("-"));
  EXPECT_THAT(zero->FailedRanks(), IsEmpty());
}

TEST(ThreadFaultTest, DelaysDependOnTheSeedAlone) {
  const auto heard = [](std::uint64_t seed) {
    ThreadGroup group(3, {.seed = seed, .max_hold = 3, .reorder = true});
    const auto zero = group.Join(0), one = group.Join(1), two = group.Join(2);
    for (int i = 0; i < 8; ++i) {
      EXPECT_TRUE(one->Send(0, fmt::format("a{}", i)).ok());
      EXPECT_TRUE(two->Send(0, fmt::format("b{}", i)).ok());
    }
    return Poll(*zero, 80);
  };
  EXPECT_EQ(heard(1), heard(1));
  EXPECT_NE(heard(1), heard(2));
  std::vector<std::string> messages = heard(3);
  EXPECT_THAT(messages, ::testing::Contains("-"));
  std::erase(messages, "-");
  EXPECT_EQ(messages.size(), 16u);
  // Between two ranks the order stays.
  std::erase_if(messages, [](const auto& text) { return text[0] != 'a'; });
  EXPECT_TRUE(std::ranges::is_sorted(messages));
}

}  // namespace
}  // namespace besom::cluster
