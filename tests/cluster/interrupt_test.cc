#include "cluster/interrupt.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <future>

namespace besom::cluster {
namespace {

bool IsReadable(int fd) {
  struct pollfd event = {fd, POLLIN, 0};
  return ::poll(&event, 1, 0) == 1;
}

TEST(InterruptTest, CountsWhatAsksToStop) {
  Interrupt interrupt;
  EXPECT_FALSE(interrupt.requested());
  EXPECT_EQ(interrupt.last_signal(), 0);
  int count = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGHUP}) {
    ::raise(signal);
    EXPECT_EQ(interrupt.count(), ++count);
    EXPECT_EQ(interrupt.last_signal(), signal);
  }
  interrupt.Request();
  EXPECT_EQ(interrupt.count(), 5);
  EXPECT_EQ(interrupt.last_signal(), 0);
}

TEST(InterruptTest, APollWakes) {
  Interrupt interrupt;
  EXPECT_FALSE(IsReadable(interrupt.fd()));
  ::raise(SIGTERM);
  EXPECT_TRUE(IsReadable(interrupt.fd()));
  interrupt.Drain();
  EXPECT_FALSE(IsReadable(interrupt.fd()));
  ::raise(SIGTERM);
  EXPECT_TRUE(IsReadable(interrupt.fd()));
}

TEST(InterruptTest, TheCallbackRunsAfterASignal) {
  Interrupt interrupt;
  std::promise<void> first, second;
  int calls = 0;
  interrupt.SetCallback([&] {
    ++calls;
    if (calls == 1) first.set_value();
    if (calls == 2) second.set_value();
  });
  ::raise(SIGUSR1);
  first.get_future().wait();
  ::raise(SIGUSR1);
  second.get_future().wait();
  interrupt.SetCallback({});
  ::raise(SIGUSR1);
  EXPECT_EQ(calls, 2);
}

TEST(InterruptTest, ALateCallbackHearsOfEarlierSignals) {
  Interrupt interrupt;
  ::raise(SIGINT);
  std::promise<void> called;
  interrupt.SetCallback([&, once = false]() mutable {
    if (!std::exchange(once, true)) called.set_value();
  });
  called.get_future().wait();
}

TEST(InterruptTest, PutsTheEarlierHandlersBack) {
  ::signal(SIGTERM, SIG_IGN);
  { Interrupt interrupt; }
  EXPECT_EQ(::signal(SIGTERM, SIG_DFL), SIG_IGN);
  // A new one starts from nothing, and nohup's wish is kept.
  ::signal(SIGHUP, SIG_IGN);
  {
    Interrupt interrupt;
    ::raise(SIGHUP);
    EXPECT_EQ(interrupt.count(), 0);
    EXPECT_FALSE(IsReadable(interrupt.fd()));
  }
  ::signal(SIGHUP, SIG_DFL);
}

}  // namespace
}  // namespace besom::cluster
