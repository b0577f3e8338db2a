// Runs under mpirun: every rank runs the same tests in the same order.
#include <gtest/gtest.h>
#include <time.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cluster/cpu.h"
#include "cluster/launch_environment.h"
#include "cluster/mpi_session.h"
#include "tests/cluster/communicator_conformance.h"
#include "tests/mpi/mpi_test_main.h"

namespace besom::cluster {
namespace {

using testing::ConformanceCase;
using testing::ConformanceCases;
using testing::Session;

LaunchEnvironment Launch() {
  return ReadLaunchEnvironment(ProcessEnvironment());
}

class MpiConformance : public ::testing::TestWithParam<ConformanceCase> {
 protected:
  void RunCase(std::size_t piece_bytes) {
    auto comm = Session().OpenChannel(piece_bytes);
    ASSERT_TRUE(comm.ok()) << comm.status().ToString();
    GetParam().body(**comm);
    const Status closed = (*comm)->Close();
    EXPECT_TRUE(closed.ok()) << closed.ToString();
  }
};

TEST_P(MpiConformance, Holds) { RunCase(std::size_t{64} << 20); }
TEST_P(MpiConformance, HoldsInPieces) { RunCase(10000); }

INSTANTIATE_TEST_SUITE_P(
    Mpi, MpiConformance,
    ::testing::ValuesIn(ConformanceCases(Launch().size.value_or(1))),
    [](const auto& info) { return info.param.name; });

// Messages that nobody received before their channel was closed do not come
// out of the next one.
TEST(MpiChannelTest, AnEarlierChannelLeavesNothingBehind) {
  for (int number = 0; number < 20; ++number) {
    auto comm = Session().OpenChannel();
    ASSERT_TRUE(comm.ok()) << comm.status().ToString();
    const int size = (*comm)->size();
    const std::string text = std::to_string(number);
    for (int to = 0; to < size; ++to) {
      ASSERT_TRUE((*comm)->Send(to, text).ok());
      ASSERT_TRUE((*comm)->Send(to, "left over").ok());
    }
    std::vector<bool> heard(static_cast<std::size_t>(size));
    for (int i = 0; i < size;) {
      const auto message = (*comm)->Receive(30);
      ASSERT_TRUE(message.ok());
      if (!message->has_value()) continue;
      const auto from = static_cast<std::size_t>((*message)->from);
      if (heard[from]) continue;
      ASSERT_EQ((*message)->bytes, text);
      heard[from] = true;
      ++i;
    }
    EXPECT_TRUE((*comm)->Close().ok());
  }
}

TEST(MpiSessionTest, SeesWhatMpirunStarted) {
  const LaunchEnvironment launch = Launch();
  EXPECT_EQ(Session().size(), launch.size.value_or(1));
  EXPECT_EQ(Session().rank(), launch.rank.value_or(0));
  // On one host.
  EXPECT_EQ(Session().local_size(), Session().size());
  EXPECT_EQ(Session().local_rank(), Session().rank());
  EXPECT_EQ(Session().host(), HostName());
  EXPECT_NE(Session().library().find("MPI"), std::string::npos)
      << Session().library();
  const bool asked = std::getenv("OMPI_MCA_mpi_ft_enable") != nullptr;
  EXPECT_EQ(Session().fault_tolerant(), asked);
}

}  // namespace
}  // namespace besom::cluster
