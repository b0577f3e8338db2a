#include "tests/mpi/mpi_test_main.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>

namespace besom::cluster::testing {
namespace {

MpiSession* g_session = nullptr;

// The first rank prints all, the others what failed.
class FailurePrinter : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed())
      std::fprintf(stderr, "rank %d: %s:%d: %s\n", g_session->rank(),
                   result.file_name(), result.line_number(), result.summary());
  }
};

}  // namespace

MpiSession& Session() { return *g_session; }

}  // namespace besom::cluster::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  auto session = besom::cluster::MpiSession::Start();
  if (!session.ok()) {
    std::fprintf(stderr, "%s\n", session.status().ToString().c_str());
    return besom::ExitCodeOf(session.status());
  }
  besom::cluster::testing::g_session = session->get();
  if ((*session)->rank() != 0) {
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new besom::cluster::testing::FailurePrinter);
  }
  return RUN_ALL_TESTS();
}
