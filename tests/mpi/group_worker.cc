// A member of a data-parallel group for the fault tests: group_worker MODE.
// Every rank of the world is a member, and sums without end until the group
// breaks, which it reports in one line. Modes of the last rank:
//   die    is killed between starting a sum and waiting for it.
//   hang   is stopped there; the others wait for 1 s.
//   abort  gives up there.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>

#include "cluster/group_exchange.h"
#include "cluster/mpi_groups.h"
#include "cluster/mpi_session.h"
#include "cluster/parent_watch.h"
#include "pipeline/base/clock.h"

namespace besom::cluster {
namespace {

constexpr int kRounds = 20;
constexpr std::size_t kFloats = 1000000;

[[noreturn]] void Die(const Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::_Exit(ExitCodeOf(status));
}

template <typename T>
T Take(Result<T> result) {
  if (!result.ok()) Die(result.status());
  return *std::move(result);
}

void EndIn(const std::string& mode, Group& group) {
  if (mode == "die") ::raise(SIGKILL);
  if (mode == "hang") ::raise(SIGSTOP);
  group.Abort(Status(StatusCode::kFailed, "image 7", "a bad image"));
}

// Sums until the group breaks; returns why.
Status SumOn(const std::string& mode, Group& group) {
  const int buckets[] = {Take(group.AddBucket(kFloats)),
                         Take(group.AddBucket(kFloats / 10))};
  const bool victim = group.rank() == group.size() - 1;
  for (int round = 0;; ++round) {
    for (const int bucket : buckets) BESOM_RETURN_IF_ERROR(group.Start(bucket));
    if (victim && round == kRounds) EndIn(mode, group);
    for (const int bucket : buckets)
      BESOM_RETURN_IF_ERROR(group.Wait(bucket, mode == "hang" ? 1 : 60));
  }
}

// Every member's process.
std::vector<pid_t> Pids(Group& group) {
  GroupExchange exchange = Take(GroupExchange::Make(group, 12));
  std::string mine = std::to_string(::getpid());
  mine.resize(12);
  std::vector<pid_t> pids;
  for (const std::string& pid : Take(exchange.All(mine, 60)))
    pids.push_back(std::atoi(pid.c_str()));
  return pids;
}

int Main(const std::string& mode) {
  ParentWatch watch({});
  auto session = Take(MpiSession::Start());
  auto channel = Take(session->OpenChannel());
  auto groups = Take(MpiGroups::Open());
  std::vector<int> ranks(static_cast<std::size_t>(session->size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  auto group = groups->Join({ranks, 0, session->size()});
  const std::vector<pid_t> pids = Pids(*group);
  const SystemClock clock;
  const double start = clock.Monotonic();
  const Status status = SumOn(mode, *group);
  group.reset();
  std::printf("rank %d: %s\n", session->rank(), status.ToString().c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "after %.3f s\n", clock.Monotonic() - start);
  if (mode == "hang" && session->rank() == 0) ::kill(pids.back(), SIGKILL);
  // Those that are left go on as a group without the dead.
  if (mode != "abort") ranks.pop_back();
  group = groups->Join({ranks, 1, static_cast<int>(ranks.size())});
  Pids(*group);
  std::printf("rank %d goes on\n", session->rank());
  std::fflush(stdout);
  group.reset();
  groups.reset();
  const Status closed = channel->Close();
  if (!closed.ok()) Die(closed);
  return 0;
}

}  // namespace
}  // namespace besom::cluster

int main(int argc, char** argv) {
  return besom::cluster::Main(argc > 1 ? argv[1] : "");
}
