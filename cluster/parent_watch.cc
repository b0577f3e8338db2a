#include "cluster/parent_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <utility>

#include "pipeline/base/check.h"

namespace besom::cluster {
namespace {

// Signal that the kernel sends when the thread that started this process
// ends. It may come although the parent lives, so it only makes us look.
const int kParentSignal = SIGRTMIN + 5;
constexpr int kLookMilliseconds = 500;

// The event that the handler and the destructor set. It stays open for ever:
// a handler may be about to write.
std::atomic<bool> g_active = false;
std::atomic<int> g_event_fd = -1;

void SetEvent() {
  const std::uint64_t one = 1;
  (void)!::write(g_event_fd, &one, sizeof one);
}

void ClearEvent() {
  std::uint64_t number = 0;
  (void)!::read(g_event_fd, &number, sizeof number);
}

void OnParentSignal(int) {
  const int saved = errno;
  SetEvent();
  errno = saved;
}

int OpenPidFd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

bool IsAlive(pid_t pid) { return ::kill(pid, 0) == 0 || errno == EPERM; }

bool IsLauncher(std::string_view name) {
  constexpr std::array<std::string_view, 11> kNames = {
      "mpirun", "mpiexec", "mpiexec.hydra",   "prterun",    "prte", "prted",
      "orted",  "orterun", "hydra_pmi_proxy", "slurmstepd", "srun"};
  for (const std::string_view known : kNames) {
    // The kernel keeps 15 characters of a name.
    if (name == known.substr(0, 15)) return true;
  }
  return false;
}

// The parent of `pid` and the name of `pid`; parent 0 when it is gone.
std::pair<pid_t, std::string> ParentAndName(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text, '\0');
  // "PID (NAME) STATE PPID ...", and the name may hold anything.
  const std::size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos ||
      close + 4 > text.size())
    return {0, ""};
  return {static_cast<pid_t>(std::atoi(text.c_str() + close + 4)),
          text.substr(open + 1, close - open - 1)};
}

}  // namespace

std::vector<Ancestor> Ancestors() {
  std::vector<Ancestor> ancestors;
  for (pid_t pid = ::getppid(); pid > 1;) {
    auto [parent, name] = ParentAndName(pid);
    ancestors.push_back({pid, std::move(name)});
    pid = parent;
  }
  return ancestors;
}

std::vector<pid_t> LauncherChain(const std::vector<Ancestor>& ancestors) {
  std::vector<pid_t> chain;
  for (const Ancestor& ancestor : ancestors) {
    chain.push_back(ancestor.pid);
    if (IsLauncher(ancestor.name)) return chain;
  }
  if (chain.empty()) return chain;
  return {chain.front()};
}

ParentWatch::ParentWatch(Options options)
    : options_(std::move(options)),
      parent_(::getppid()),
      chain_(LauncherChain(Ancestors())) {
  BESOM_CHECK(!g_active.exchange(true), "two ParentWatches in one process");
  if (g_event_fd < 0) g_event_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  BESOM_CHECK(g_event_fd >= 0, "no eventfd");
  struct sigaction action = {};
  action.sa_handler = OnParentSignal;
  action.sa_flags = SA_RESTART;
  ::sigaction(kParentSignal, &action, nullptr);
  ::prctl(PR_SET_PDEATHSIG, kParentSignal);
  for (const pid_t pid : chain_) pid_fds_.push_back(OpenPidFd(pid));
  thread_ = std::thread([this] { Watch(); });
}

ParentWatch::~ParentWatch() {
  stopping_ = true;
  SetEvent();
  thread_.join();
  ::prctl(PR_SET_PDEATHSIG, 0);
  for (const int fd : pid_fds_)
    if (fd >= 0) ::close(fd);
  g_active = false;
}

bool ParentWatch::LauncherIsGone() const {
  // A new parent is the sign that works without pidfds; a pid alone could
  // have been given to another process.
  if (::getppid() != parent_) return true;
  for (std::size_t i = 0; i < chain_.size(); ++i) {
    struct pollfd ended = {pid_fds_[i], POLLIN, 0};
    if (pid_fds_[i] >= 0 ? ::poll(&ended, 1, 0) == 1 : !IsAlive(chain_[i]))
      return true;
  }
  return false;
}

// Waits until there may be news.
void ParentWatch::WaitForEvent(int milliseconds) const {
  std::vector<struct pollfd> events = {{g_event_fd, POLLIN, 0}};
  for (const int fd : pid_fds_)
    if (fd >= 0) events.push_back({fd, POLLIN, 0});
  ::poll(events.data(), events.size(), milliseconds);
  ClearEvent();
}

void ParentWatch::Watch() {
  while (!stopping_ && !LauncherIsGone()) WaitForEvent(kLookMilliseconds);
  if (stopping_) return;
  lost_ = true;
  if (options_.on_lost) options_.on_lost();
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::duration<double>(options_.grace_seconds);
  while (!stopping_) {
    const std::chrono::duration<double, std::milli> left =
        end - std::chrono::steady_clock::now();
    if (left.count() <= 0) ::_exit(options_.exit_code);
    struct pollfd stop = {g_event_fd, POLLIN, 0};
    ::poll(&stop, 1, static_cast<int>(left.count()) + 1);
    ClearEvent();
  }
}

}  // namespace besom::cluster
