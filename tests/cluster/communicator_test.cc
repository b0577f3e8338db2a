#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "tests/cluster/communicator_conformance.h"

namespace besom::cluster {
namespace {

using testing::ConformanceCase;
using testing::ConformanceCases;

std::string NameOf(const ::testing::TestParamInfo<ConformanceCase>& info) {
  return info.param.name;
}

class SelfConformance : public ::testing::TestWithParam<ConformanceCase> {};

TEST_P(SelfConformance, Holds) {
  SelfCommunicator comm;
  GetParam().body(comm);
  EXPECT_TRUE(comm.Close().ok());
}

INSTANTIATE_TEST_SUITE_P(Self, SelfConformance,
                         ::testing::ValuesIn(ConformanceCases(1)), NameOf);

class ThreadConformance : public ::testing::TestWithParam<ConformanceCase> {
 protected:
  void RunCase(int size, ThreadFaults faults = {}) {
    ThreadGroup(size, std::move(faults)).Run([&](Communicator& comm) {
      GetParam().body(comm);
      EXPECT_TRUE(comm.Close().ok());
    });
  }
};

TEST_P(ThreadConformance, TwoRanks) { RunCase(2); }
TEST_P(ThreadConformance, FourRanks) { RunCase(4); }

INSTANTIATE_TEST_SUITE_P(Thread, ThreadConformance,
                         ::testing::ValuesIn(ConformanceCases(4)), NameOf);

// The promises about messages hold for delayed and reordered ones, too.
class DelayedConformance : public ThreadConformance {};

TEST_P(DelayedConformance, FourRanks) {
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    RunCase(4, {.seed = seed, .max_hold = 4, .reorder = true});
}

std::vector<ConformanceCase> CasesWithoutTimes() {
  std::vector<ConformanceCase> cases = ConformanceCases(4);
  std::erase_if(cases, [](const ConformanceCase& it) {
    return it.name == "NobodySpins" || it.name == "LongMessagesCross";
  });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Thread, DelayedConformance,
                         ::testing::ValuesIn(CasesWithoutTimes()), NameOf);

}  // namespace
}  // namespace besom::cluster
