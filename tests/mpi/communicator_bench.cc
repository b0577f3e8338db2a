// Prints what a message costs: round trips between ranks 0 and 1 (median, 90th
// and 99th percentile) right after each other, after pauses, and while every
// rank computes; and the share of a core that a waiting rank uses.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "cluster/mpi_session.h"
#include "pipeline/base/clock.h"

namespace besom::cluster {
namespace {

const SystemClock g_clock;

std::string Next(Communicator& comm) {
  while (true) {
    auto message = comm.Receive(60);
    if (message.value()) return (*message)->bytes;
  }
}

void Pause(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

void RoundTrips(Communicator& comm, const char* name, int count,
                std::size_t bytes, double pause) {
  std::vector<double> times;
  const std::string message(bytes, 'x');
  for (int i = 0; i < count; ++i) {
    if (comm.rank() == 1) {
      (void)comm.Send(0, Next(comm));
      continue;
    }
    if (comm.rank() > 1) continue;
    if (pause > 0) Pause(pause);
    const double start = g_clock.Monotonic();
    (void)comm.Send(1, message);
    Next(comm);
    times.push_back(g_clock.Monotonic() - start);
  }
  if (comm.rank() != 0) return;
  std::ranges::sort(times);
  const auto at = [&](double share) {
    return 1e6 * times[static_cast<std::size_t>(share * (times.size() - 1))];
  };
  std::printf("%-28s %9zu B  median %8.1f us  p90 %8.1f us  p99 %8.1f us\n",
              name, bytes, at(0.5), at(0.9), at(0.99));
}

double ProcessCpu() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * time.tv_nsec;
}

void IdleShare(Communicator& comm) {
  const double start = g_clock.Monotonic(), cpu = ProcessCpu();
  while (g_clock.Monotonic() - start < 5) (void)comm.Receive(5);
  const double share = (ProcessCpu() - cpu) / (g_clock.Monotonic() - start);
  (void)comm.Send(0, std::to_string(100 * share));
  if (comm.rank() != 0) return;
  for (int i = 0; i < comm.size(); ++i)
    std::printf("waiting rank: %s %% of a core\n", Next(comm).c_str());
}

int Main() {
  auto session = MpiSession::Start();
  if (!session.ok() || (*session)->size() < 2) return 1;
  auto comm = std::move((*session)->OpenChannel()).value();
  RoundTrips(*comm, "one after another", 20000, 8, 0);
  RoundTrips(*comm, "one after another", 5000, 4096, 0);
  RoundTrips(*comm, "one after another", 200, 1 << 20, 0);
  RoundTrips(*comm, "after 1 ms", 1000, 100, 1e-3);
  RoundTrips(*comm, "after 10 ms", 200, 100, 10e-3);
  RoundTrips(*comm, "after 100 ms", 30, 100, 100e-3);
  std::atomic<bool> done = false;
  std::thread compute([&] {
    volatile double sum = 0;
    while (!done) sum = sum + 1;
  });
  RoundTrips(*comm, "computing, after each other", 2000, 100, 0);
  RoundTrips(*comm, "computing, after 10 ms", 200, 100, 10e-3);
  done = true;
  compute.join();
  IdleShare(*comm);
  return comm->Close().ok() ? 0 : 1;
}

}  // namespace
}  // namespace besom::cluster

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return besom::cluster::Main();
}
