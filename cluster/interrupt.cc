#include "cluster/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "pipeline/base/check.h"

namespace besom::cluster {
namespace {

constexpr std::array<int, 4> kSignals = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};

// What the signal handler reaches: lock-free, and never freed.
// The event files stay open for ever: a handler may be about to write.
std::atomic<bool> g_active = false;
std::atomic<int> g_count = 0;
std::atomic<int> g_last = 0;
std::atomic<int> g_relay_fd = -1;
std::atomic<int> g_wait_fd = -1;
std::array<struct sigaction, kSignals.size()> g_earlier;

void AddOne(int fd) {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable anyway.
  if (fd >= 0) (void)!::write(fd, &one, sizeof one);
}

void TakeAll(int fd) {
  std::uint64_t number = 0;
  (void)!::read(fd, &number, sizeof number);
}

// Makes an event file, or empties the one of an earlier Interrupt.
void OpenEvent(std::atomic<int>& fd) {
  if (fd < 0) fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  BESOM_CHECK(fd >= 0, "no eventfd");
  TakeAll(fd);
}

void CountSignal(int signal) {
  const int saved = errno;
  g_last = signal;
  ++g_count;
  AddOne(g_wait_fd);
  AddOne(g_relay_fd);
  errno = saved;
}

void OnSignal(int signal) { CountSignal(signal); }

}  // namespace

Interrupt::Interrupt() {
  BESOM_CHECK(!g_active.exchange(true), "two Interrupts in one process");
  OpenEvent(g_relay_fd);
  OpenEvent(g_wait_fd);
  g_count = 0;
  g_last = 0;
  thread_ = std::thread([this] { Relay(); });
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &g_earlier[i]);
    const bool ignored = g_earlier[i].sa_handler == SIG_IGN;
    // nohup's wish is kept. A shell's background job ignores SIGINT, too, but
    // one that is sent to it by name is meant.
    if (kSignals[i] == SIGHUP && ignored) continue;
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    ::sigaction(kSignals[i], &g_earlier[i], nullptr);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  AddOne(g_relay_fd);
  thread_.join();
  g_active = false;
}

int Interrupt::count() const { return g_count; }
int Interrupt::last_signal() const { return g_last; }
int Interrupt::fd() const { return g_wait_fd; }
void Interrupt::Request() { CountSignal(0); }
void Interrupt::Drain() { TakeAll(g_wait_fd); }

void Interrupt::SetCallback(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    callback_ = std::move(callback);
  }
  if (requested()) AddOne(g_relay_fd);
}

// Handlers may do next to nothing, so this thread does it for them.
void Interrupt::Relay() {
  while (true) {
    struct pollfd event = {g_relay_fd, POLLIN, 0};
    ::poll(&event, 1, -1);
    TakeAll(g_relay_fd);
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (callback_) callback_();
  }
}

}  // namespace besom::cluster
