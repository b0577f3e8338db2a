// Runs under mpirun: every rank runs the same tests in the same order.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/launch_environment.h"
#include "cluster/mpi_groups.h"
#include "tests/cluster/group_conformance.h"
#include "tests/mpi/mpi_test_main.h"

namespace besom::cluster {
namespace {

using testing::GroupCase;
using testing::GroupCases;
using testing::Session;

int Ranks() {
  return ReadLaunchEnvironment(ProcessEnvironment()).size.value_or(1);
}

// The control thread of a worker: sends a message around all ranks without end
// over a channel of its own, while the tests compute.
class Control {
 public:
  explicit Control(std::unique_ptr<Communicator> channel)
      : channel_(std::move(channel)), thread_([this] { Loop(); }) {}
  ~Control() {
    stopping_ = true;
    channel_->Wake();
    thread_.join();
  }

 private:
  void Loop() {
    const int next = (channel_->rank() + 1) % channel_->size();
    if (channel_->rank() == 0) {
      ASSERT_TRUE(channel_->Send(next, "round").ok());
    }
    while (!stopping_) {
      const auto message = channel_->Receive(1);
      ASSERT_TRUE(message.ok()) << message.status().ToString();
      if (!message->has_value()) continue;
      ASSERT_TRUE(channel_->Send(next, (*message)->bytes).ok());
      ++rounds_;
    }
    EXPECT_GT(rounds_, 0);
    EXPECT_TRUE(channel_->Close().ok());
  }

  const std::unique_ptr<Communicator> channel_;
  std::atomic<bool> stopping_ = false;
  int rounds_ = 0;
  std::thread thread_;
};

class MpiGroupConformance : public ::testing::TestWithParam<GroupCase> {
 protected:
  // Opened once for all cases, as a worker does.
  static void SetUpTestSuite() {
    auto channel = Session().OpenChannel();
    ASSERT_TRUE(channel.ok()) << channel.status().ToString();
    auto groups = MpiGroups::Open();
    ASSERT_TRUE(groups.ok()) << groups.status().ToString();
    groups_ = std::move(*groups);
    control_ = std::make_unique<Control>(std::move(*channel));
  }
  static void TearDownTestSuite() {
    control_.reset();
    groups_.reset();
  }

  // Runs the case among `ranks`, whose groups are numbered from `number`.
  static void RunCase(const std::vector<int>& ranks, std::int64_t number) {
    const int size = static_cast<int>(ranks.size());
    if (GetParam().least_ranks > size) return;
    GetParam().body(size, [&](int shards) {
      return groups_->Join({ranks, number++, shards});
    });
  }

  // The first of numbers that no other case has, equal on all ranks.
  static std::int64_t NextNumber() { return number_ += 1000; }

 private:
  static std::unique_ptr<MpiGroups> groups_;
  static std::unique_ptr<Control> control_;
  static std::int64_t number_;
};

std::unique_ptr<MpiGroups> MpiGroupConformance::groups_;
std::unique_ptr<Control> MpiGroupConformance::control_;
std::int64_t MpiGroupConformance::number_ = 0;

TEST_P(MpiGroupConformance, Holds) {
  std::vector<int> ranks(static_cast<std::size_t>(Session().size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  RunCase(ranks, NextNumber());
}

// The last rank leads the first group, and rank 0 is alone in the other.
TEST_P(MpiGroupConformance, HoldsForSomeRanks) {
  const std::int64_t first = NextNumber(), second = NextNumber();
  if (Session().rank() == 0) return RunCase({0}, first);
  std::vector<int> ranks(static_cast<std::size_t>(Session().size()) - 1);
  std::iota(ranks.rbegin(), ranks.rend(), 1);
  RunCase(ranks, second);
}

INSTANTIATE_TEST_SUITE_P(Mpi, MpiGroupConformance,
                         ::testing::ValuesIn(GroupCases(Ranks())),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace besom::cluster
