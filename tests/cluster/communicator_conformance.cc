#include "tests/cluster/communicator_conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <limits>
#include <map>
#include <thread>

#include "pipeline/base/clock.h"
#include "pipeline/base/digest.h"
#include "pipeline/base/random.h"

namespace besom::cluster::testing {
namespace {

// Longer than any of these exchanges takes on a busy machine.
constexpr double kPatience = 30;
constexpr double kForever = std::numeric_limits<double>::infinity();

// Seconds of CPU that the calling thread has used.
double ThreadCpu() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * time.tv_nsec;
}

// Receives a message, whatever Receive returns in between.
Message Next(Communicator& comm) {
  const SystemClock clock;
  const double start = clock.Monotonic();
  while (clock.Monotonic() - start < kPatience) {
    const auto message = comm.Receive(kPatience);
    if (!message.ok()) {
      ADD_FAILURE() << message.status().ToString();
      return {};
    }
    if (message->has_value()) return **message;
  }
  ADD_FAILURE() << "rank " << comm.rank() << " got no message";
  return {};
}

void SendOk(Communicator& comm, int to, std::string bytes) {
  const Status status = comm.Send(to, std::move(bytes));
  EXPECT_TRUE(status.ok()) << status.ToString();
}

void EveryRankHasItsNumber(Communicator& comm) {
  ASSERT_GE(comm.rank(), 0);
  ASSERT_LT(comm.rank(), comm.size());
  SendOk(comm, 0, std::to_string(comm.rank()));
  if (comm.rank() != 0) return;
  std::map<int, std::string> heard;
  for (int i = 0; i < comm.size(); ++i) {
    const Message message = Next(comm);
    heard[message.from] = message.bytes;
  }
  for (int rank = 0; rank < comm.size(); ++rank)
    EXPECT_EQ(heard[rank], std::to_string(rank));
  EXPECT_THAT(comm.FailedRanks(), ::testing::IsEmpty());
}

void ARankHearsItself(Communicator& comm) {
  const std::string zeros("\0a\0", 3);
  SendOk(comm, comm.rank(), "");
  SendOk(comm, comm.rank(), zeros);
  EXPECT_EQ(Next(comm), (Message{comm.rank(), ""}));
  EXPECT_EQ(Next(comm), (Message{comm.rank(), zeros}));
}

// Bytes of a length that varies, which tell sender, receiver and number.
std::string Parcel(int from, int to, int number) {
  KeyedRandom random(
      1, "parcel",
      {static_cast<std::uint64_t>(from), static_cast<std::uint64_t>(to),
       static_cast<std::uint64_t>(number)});
  std::string bytes(random.Below(3000), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next32());
  return bytes;
}

void EachPairKeepsItsOrder(Communicator& comm) {
  constexpr int kCount = 100;
  const int self = comm.rank();
  for (int number = 0; number < kCount; ++number)
    for (int to = 0; to < comm.size(); ++to)
      SendOk(comm, to, Parcel(self, to, number));
  std::map<int, int> next;
  for (int i = 0; i < kCount * comm.size(); ++i) {
    const Message message = Next(comm);
    ASSERT_EQ(message.bytes, Parcel(message.from, self, next[message.from]++))
        << "from " << message.from;
  }
}

std::string LongBytes(std::size_t size, int from) {
  std::string bytes(size, static_cast<char>('a' + from));
  for (std::size_t i = 0; i < size; i += 997)
    bytes[i] = static_cast<char>(i * 31 + static_cast<std::size_t>(from));
  return bytes;
}

// All send before any receives, so nobody may wait for a receiver.
void LongMessagesCross(Communicator& comm) {
  const std::vector<std::size_t> sizes = {0,     1,       4095,    4096,
                                          65537, 1 << 20, 9 << 20, 3};
  for (const std::size_t size : sizes)
    for (int to = 0; to < comm.size(); ++to)
      SendOk(comm, to, LongBytes(size, comm.rank()));
  std::map<int, std::size_t> next;
  for (std::size_t i = 0; i < sizes.size() * comm.size(); ++i) {
    const Message message = Next(comm);
    const std::string expected =
        LongBytes(sizes[next[message.from]++], message.from);
    ASSERT_EQ(message.bytes.size(), expected.size());
    ASSERT_EQ(DigestOf(message.bytes).Hex(), DigestOf(expected).Hex());
  }
}

void ReceiveEndsInTime(Communicator& comm) {
  const SystemClock clock;
  const auto polled = comm.Receive(0);
  ASSERT_TRUE(polled.ok());
  EXPECT_EQ(*polled, std::nullopt);
  constexpr double kTime = 0.05;
  const double start = clock.Monotonic();
  const auto waited = comm.Receive(kTime);
  ASSERT_TRUE(waited.ok());
  EXPECT_EQ(*waited, std::nullopt);
  EXPECT_GE(clock.Monotonic() - start, kTime);
  EXPECT_LT(clock.Monotonic() - start, kPatience);
}

void AnEarlyWakeIsKept(Communicator& comm) {
  comm.Wake();
  comm.Wake();
  const auto message = comm.Receive(kForever);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(*message, std::nullopt);
}

void AnotherThreadWakes(Communicator& comm) {
  for (int i = 0; i < 20; ++i) {
    std::thread other([&] { comm.Wake(); });
    const auto message = comm.Receive(kForever);
    other.join();
    ASSERT_TRUE(message.ok());
    EXPECT_EQ(*message, std::nullopt);
  }
}

void WakingLosesNoMessage(Communicator& comm) {
  constexpr int kCount = 500;
  const int to = (comm.rank() + 1) % comm.size();
  std::thread other([&] {
    for (int i = 0; i < kCount; ++i) comm.Wake();
  });
  for (int i = 0; i < kCount; ++i) SendOk(comm, to, std::to_string(i));
  for (int i = 0; i < kCount; ++i)
    ASSERT_EQ(Next(comm).bytes, std::to_string(i));
  other.join();
}

// Whoever spins uses a whole core, whatever else the machine does; the bench
// prints how little this really is.
void NobodySpins(Communicator& comm) {
  const SystemClock clock;
  const double start = clock.Monotonic(), cpu = ThreadCpu();
  while (clock.Monotonic() - start < 1) ASSERT_TRUE(comm.Receive(1).ok());
  EXPECT_LT((ThreadCpu() - cpu) / (clock.Monotonic() - start), 0.25);
}

void CloseDeliversWhatWasSent(Communicator& comm) {
  const std::string last = LongBytes(3 << 20, 7);
  if (comm.rank() != 0) {
    SendOk(comm, 0, "first");
    SendOk(comm, 0, last);
    return;
  }
  std::map<int, int> count;
  for (int i = 0; i < 2 * (comm.size() - 1); ++i) {
    const Message message = Next(comm);
    EXPECT_EQ(message.bytes, count[message.from]++ == 0 ? "first" : last);
  }
}

void CloseDropsWhatWasNotReceived(Communicator& comm) {
  for (int to = 0; to < comm.size(); ++to) {
    SendOk(comm, to, "nobody wants this");
    SendOk(comm, to, LongBytes(1 << 20, comm.rank()));
  }
}

void PingPong(Communicator& comm) {
  const int other = 1 - comm.rank();
  for (int i = 0; i < 200 && comm.rank() < 2; ++i) {
    if (comm.rank() == 0) SendOk(comm, other, std::to_string(i));
    ASSERT_EQ(Next(comm), (Message{other, std::to_string(i)}));
    if (comm.rank() == 1) SendOk(comm, other, std::to_string(i));
  }
  // The others stay until it is over.
  for (int to = 2; to < comm.size() && comm.rank() == 0; ++to)
    SendOk(comm, to, "over");
  if (comm.rank() >= 2) {
    EXPECT_EQ(Next(comm), (Message{0, "over"}));
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ConformanceCase& it) {
  return out << it.name;
}

std::vector<ConformanceCase> ConformanceCases(int size) {
  std::vector<ConformanceCase> cases = {
      {"EveryRankHasItsNumber", 1, EveryRankHasItsNumber},
      {"ARankHearsItself", 1, ARankHearsItself},
      {"EachPairKeepsItsOrder", 1, EachPairKeepsItsOrder},
      {"LongMessagesCross", 1, LongMessagesCross},
      {"ReceiveEndsInTime", 1, ReceiveEndsInTime},
      {"AnEarlyWakeIsKept", 1, AnEarlyWakeIsKept},
      {"AnotherThreadWakes", 1, AnotherThreadWakes},
      {"WakingLosesNoMessage", 1, WakingLosesNoMessage},
      {"NobodySpins", 1, NobodySpins},
      {"CloseDeliversWhatWasSent", 2, CloseDeliversWhatWasSent},
      {"CloseDropsWhatWasNotReceived", 1, CloseDropsWhatWasNotReceived},
      {"PingPong", 2, PingPong},
  };
  std::erase_if(cases, [size](const ConformanceCase& it) {
    return it.least_ranks > size;
  });
  return cases;
}

}  // namespace besom::cluster::testing
