#include "cluster/start_watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "pipeline/base/clock.h"

namespace besom::cluster {
namespace {

constexpr auto kLook = std::chrono::milliseconds(200);

[[noreturn]] void End(const char* why) {
  std::fprintf(stderr,
               "besom: MPI does not start: %s\n"
               "  cure: run the same command again, it resumes\n",
               why);
  std::fflush(stderr);
  ::_exit(3);
}

}  // namespace

int ChildrenOf(int pid) {
  std::error_code error;
  std::filesystem::directory_iterator threads(fmt::format("/proc/{}/task", pid),
                                              error);
  int count = 0;
  bool told = false;
  for (; !error && threads != std::filesystem::directory_iterator();
       threads.increment(error)) {
    std::ifstream children(threads->path() / "children");
    told = told || children.is_open();
    for (std::string child; children >> child;) ++count;
  }
  return told ? count : -1;
}

StartWatch::StartWatch(int local_ranks)
    : thread_([this, local_ranks] { Loop(local_ranks); }) {}

StartWatch::~StartWatch() {
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
  }
  started_changed_.notify_all();
  thread_.join();
}

void StartWatch::Loop(int local_ranks) {
  const SystemClock clock;
  const double start = clock.Monotonic();
  double all_there = start;
  std::unique_lock lock(mutex_);
  while (!started_changed_.wait_for(lock, kLook, [&] { return started_; })) {
    const double now = clock.Monotonic();
    const int siblings = ChildrenOf(::getppid());
    if (siblings < 0 || siblings >= local_ranks) all_there = now;
    if (now - all_there > kMissingSeconds)
      End("a rank beside this one has ended");
    if (now - start > kLongestSeconds) End("the other ranks do not come up");
  }
}

}  // namespace besom::cluster
