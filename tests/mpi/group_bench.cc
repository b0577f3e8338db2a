// Prints what a sum over a data-parallel group costs, as many shards as ranks,
// beside MPI_Allreduce of the same floats right before and after it: medians,
// and the median of the pairs' ratios.
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

#include "cluster/mpi_groups.h"
#include "cluster/mpi_session.h"
#include "pipeline/base/clock.h"

namespace besom::cluster {
namespace {

const SystemClock g_clock;

double Median(std::vector<double> numbers) {
  std::ranges::nth_element(numbers, numbers.begin() + numbers.size() / 2);
  return numbers[numbers.size() / 2];
}

// Seconds that `body` takes when all ranks begin it together.
template <typename Body>
double Seconds(Body body) {
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = g_clock.Monotonic();
  body();
  return g_clock.Monotonic() - start;
}

void Compare(Group& group, std::size_t floats, int count) {
  const int bucket = group.AddBucket(floats).value();
  std::vector<float> in(floats, 1.0F), out(floats);
  std::fill_n(group.Part(bucket, group.rank()), floats, 1.0F);
  std::vector<double> ours, theirs, ratios;
  for (int i = 0; i < count + 3; ++i) {
    const double us = Seconds([&] {
      if (!group.Start(bucket).ok() || !group.Wait(bucket, 60).ok())
        std::printf("the group is broken\n");
    });
    const double them = Seconds([&] {
      MPI_Allreduce(in.data(), out.data(), static_cast<int>(floats), MPI_FLOAT,
                    MPI_SUM, MPI_COMM_WORLD);
    });
    if (i < 3) continue;  // Memory and connections are made.
    ours.push_back(us);
    theirs.push_back(them);
    ratios.push_back(us / them);
  }
  if (group.rank() == 0)
    std::printf(
        "%9zu floats  group %9.1f us  MPI_Allreduce %9.1f us  "
        "ratio %.2f\n",
        floats, 1e6 * Median(ours), 1e6 * Median(theirs), Median(ratios));
}

int Main() {
  auto session = MpiSession::Start();
  if (!session.ok()) return 1;
  auto groups = MpiGroups::Open();
  if (!groups.ok()) return 1;
  std::vector<int> ranks(static_cast<std::size_t>((*session)->size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  const auto group = (*groups)->Join({ranks, 0, (*session)->size()});
  Compare(*group, 100, 1000);
  Compare(*group, 10000, 1000);
  Compare(*group, 100000, 300);
  Compare(*group, 1000000, 100);
  Compare(*group, 10000000, 15);
  return 0;
}

}  // namespace
}  // namespace besom::cluster

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return besom::cluster::Main();
}
