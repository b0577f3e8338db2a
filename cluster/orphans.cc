#include "cluster/orphans.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "cluster/back_off.h"
#include "pipeline/base/clock.h"

namespace besom::cluster {
namespace {

// Children of all threads of this process, zombies included.
std::vector<pid_t> Children() {
  std::vector<pid_t> children;
  std::error_code error;
  for (std::filesystem::directory_iterator task("/proc/self/task", error), end;
       !error && task != end; task.increment(error)) {
    std::ifstream file(task->path() / "children");
    for (pid_t pid = 0; file >> pid;) children.push_back(pid);
  }
  return children;
}

}  // namespace

OrphanKeeper::OrphanKeeper() : earlier_(Children()) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

OrphanKeeper::~OrphanKeeper() { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }

std::vector<pid_t> OrphanKeeper::NewChildren() const {
  std::vector<pid_t> children = Children();
  std::erase_if(children, [this](pid_t pid) {
    return std::ranges::find(earlier_, pid) != earlier_.end() ||
           ::waitpid(pid, nullptr, WNOHANG) == pid;
  });
  return children;
}

int OrphanKeeper::End(double seconds) {
  const SystemClock clock;
  const double start = clock.Monotonic();
  int killed = 0;
  bool late = false;
  for (auto left = NewChildren(); !left.empty(); left = NewChildren()) {
    const double waited = clock.Monotonic() - start;
    if (waited >= seconds) {
      for (const pid_t pid : left) ::kill(pid, SIGKILL);
      if (!std::exchange(late, true)) killed = static_cast<int>(left.size());
    }
    std::this_thread::sleep_for(
        std::chrono::duration<double>(4 * BackOffSeconds(waited)));
  }
  return killed;
}

}  // namespace besom::cluster
