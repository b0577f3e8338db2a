// Runs under mpirun: every rank runs the same tests in the same order.
#include <gtest/gtest.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cluster/cpu.h"
#include "cluster/launch_environment.h"
#include "cluster/mpi_session.h"
#include "tests/cluster/communicator_conformance.h"

namespace besom::cluster {
namespace {

using testing::ConformanceCase;
using testing::ConformanceCases;

MpiSession* g_session = nullptr;

LaunchEnvironment Launch() {
  return ReadLaunchEnvironment(ProcessEnvironment());
}

class MpiConformance : public ::testing::TestWithParam<ConformanceCase> {
 protected:
  void RunCase(std::size_t piece_bytes) {
    auto comm = g_session->OpenChannel(piece_bytes);
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
    auto comm = g_session->OpenChannel();
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
  EXPECT_EQ(g_session->size(), launch.size.value_or(1));
  EXPECT_EQ(g_session->rank(), launch.rank.value_or(0));
  // On one host.
  EXPECT_EQ(g_session->local_size(), g_session->size());
  EXPECT_EQ(g_session->local_rank(), g_session->rank());
  EXPECT_EQ(g_session->host(), HostName());
  EXPECT_NE(g_session->library().find("MPI"), std::string::npos)
      << g_session->library();
  const bool asked = std::getenv("OMPI_MCA_mpi_ft_enable") != nullptr;
  EXPECT_EQ(g_session->fault_tolerant(), asked);
}

// The first rank prints all, the others what failed.
class FailurePrinter : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed())
      std::fprintf(stderr, "rank %d: %s:%d: %s\n", g_session->rank(),
                   result.file_name(), result.line_number(), result.summary());
  }
};

}  // namespace
}  // namespace besom::cluster

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  auto session = besom::cluster::MpiSession::Start();
  if (!session.ok()) {
    std::fprintf(stderr, "%s\n", session.status().ToString().c_str());
    return besom::ExitCodeOf(session.status());
  }
  besom::cluster::g_session = session->get();
  if (besom::cluster::g_session->rank() != 0) {
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new besom::cluster::FailurePrinter);
  }
  return RUN_ALL_TESTS();
}
