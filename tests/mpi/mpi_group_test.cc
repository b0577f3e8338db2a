// Runs under mpirun: every rank runs the same tests in the same order.
#include <gtest/gtest.h>

#include <numeric>

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

class MpiGroupConformance : public ::testing::TestWithParam<GroupCase> {
 protected:
  // Opened once for all cases, as a worker does.
  static void SetUpTestSuite() {
    auto groups = MpiGroups::Open();
    ASSERT_TRUE(groups.ok()) << groups.status().ToString();
    groups_ = std::move(*groups);
  }
  static void TearDownTestSuite() { groups_.reset(); }

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
  static std::int64_t number_;
};

std::unique_ptr<MpiGroups> MpiGroupConformance::groups_;
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
