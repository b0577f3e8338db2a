// A rank for the fault tests: fault_worker MODE [ARGUMENT]. Prints one line
// for each thing that happened; the test reads them. Modes:
//   survive K   rank 0 kills the last K ranks while they send long messages,
//               then exchanges messages with those that are left; all end.
//   leaderless  rank 0 kills itself; the others see it and exit with 5.
//   wait        every rank waits for a request to stop, then ends with 3.
//   deaf        every rank ignores requests to stop, computes and waits.
//   bare        every rank waits without having started MPI.
//   version     starts MPI and NCCL and tells their versions.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>

#include "cluster/interrupt.h"
#include "cluster/mpi_session.h"
#include "cluster/nccl_version.h"
#include "cluster/parent_watch.h"
#include "pipeline/base/clock.h"

namespace besom::cluster {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

[[noreturn]] void Die(const Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::_Exit(ExitCodeOf(status));
}

void Send(Communicator& comm, int to, std::string bytes) {
  if (const Status status = comm.Send(to, std::move(bytes)); !status.ok())
    Die(status);
}

std::optional<Message> Receive(Communicator& comm, double seconds = kForever) {
  auto message = comm.Receive(seconds);
  if (!message.ok()) Die(message.status());
  return *std::move(message);
}

std::string Failed(const Communicator& comm) {
  std::vector<int> ranks = comm.FailedRanks();
  std::ranges::sort(ranks);
  std::string text;
  for (const int rank : ranks) text += std::to_string(rank) + ",";
  return text;
}

// The part of rank 0 in `survive`.
void KillAndGoOn(Communicator& comm, int victims) {
  const int living = comm.size() - victims;
  std::vector<pid_t> pids(static_cast<std::size_t>(comm.size()));
  for (int known = 1; known < comm.size();) {
    const auto message = Receive(comm);
    if (!message || message->bytes.size() > 20) continue;
    pids[static_cast<std::size_t>(message->from)] = std::stoi(message->bytes);
    ++known;
  }
  for (int rank = living; rank < comm.size(); ++rank)
    ::kill(pids[static_cast<std::size_t>(rank)], SIGKILL);
  const SystemClock clock;
  const double start = clock.Monotonic();
  while (static_cast<int>(comm.FailedRanks().size()) < victims) Receive(comm);
  Say("rank 0 lost " + Failed(comm));
  std::fprintf(stderr, "noticed after %.1f ms\n",
               1e3 * (clock.Monotonic() - start));
  for (int round = 0; round < 100; ++round) {
    // What goes to the dead is dropped.
    for (int to = 1; to < comm.size(); ++to)
      Send(comm, to, std::string(round == 50 ? 1 << 20 : 10, 'x'));
    for (int i = 1; i < living;) {
      const auto message = Receive(comm);
      if (!message) continue;
      if (message->from >= living) Die(InternalError("rank 0", "a ghost"));
      ++i;
    }
  }
  for (int to = 1; to < living; ++to) Send(comm, to, "stop");
}

void Survive(Communicator& comm, int victims) {
  if (comm.rank() == 0) {
    KillAndGoOn(comm, victims);
  } else if (comm.rank() >= comm.size() - victims) {
    // Dies in the middle of its messages.
    Send(comm, 0, std::to_string(::getpid()));
    while (true) {
      Send(comm, 0, std::string(300000, 'y'));
      Receive(comm, 1e-3);
    }
  } else {
    Send(comm, 0, std::to_string(::getpid()));
    while (true) {
      const auto message = Receive(comm);
      if (message && message->bytes == "stop") break;
      if (message) Send(comm, 0, message->bytes);
    }
    while (static_cast<int>(comm.FailedRanks().size()) < victims) Receive(comm);
    Say("rank " + std::to_string(comm.rank()) + " lost " + Failed(comm));
  }
}

int Leaderless(Communicator& comm) {
  if (comm.rank() == 0) {
    for (int i = 1; i < comm.size();) i += Receive(comm).has_value();
    ::raise(SIGKILL);
  }
  Send(comm, 0, "ready");
  while (comm.FailedRanks().empty()) Receive(comm);
  Say("rank " + std::to_string(comm.rank()) + " lost " + Failed(comm));
  return 5;
}

int WaitForStop(Communicator& comm, Interrupt& interrupt) {
  interrupt.SetCallback([&comm] { comm.Wake(); });
  Say("waiting " + std::to_string(::getpid()));
  while (!interrupt.requested()) Receive(comm);
  interrupt.SetCallback({});
  Say("stopped by signal " + std::to_string(interrupt.last_signal()));
  return 3;
}

[[noreturn]] void BeDeaf(Communicator& comm) {
  Say("deaf " + std::to_string(::getpid()));
  std::thread compute([] {
    for (std::atomic<long> work = 0;; ++work) {
    }
  });
  while (true) Receive(comm);
}

// MPI ends a rank that it has started, so only this one shows the watch alone.
[[noreturn]] void WaitWithoutMpi() {
  Say("waiting " + std::to_string(::getpid()));
  while (true) ::pause();
}

int Version(const MpiSession& session) {
  const auto nccl = NcclVersion();
  if (!nccl.ok()) Die(nccl.status());
  Say(session.library() + ", NCCL " + *nccl);
  return 0;
}

int Main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const int argument = argc > 2 ? std::atoi(argv[2]) : 1;
  Interrupt interrupt;
  ParentWatch watch({});
  if (mode == "bare") WaitWithoutMpi();
  auto session = MpiSession::Start();
  if (!session.ok()) Die(session.status());
  if (mode == "version") return Version(**session);
  auto opened = (*session)->OpenChannel();
  if (!opened.ok()) Die(opened.status());
  const std::unique_ptr<Communicator> comm = std::move(opened).value();
  int exit_code = 0;
  if (mode == "survive") Survive(*comm, argument);
  if (mode == "leaderless") exit_code = Leaderless(*comm);
  if (mode == "wait") exit_code = WaitForStop(*comm, interrupt);
  if (mode == "deaf") BeDeaf(*comm);
  if (const Status closed = comm->Close(); !closed.ok()) Die(closed);
  return exit_code;
}

}  // namespace
}  // namespace besom::cluster

int main(int argc, char** argv) { return besom::cluster::Main(argc, argv); }
