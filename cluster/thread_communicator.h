#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "cluster/communicator.h"

namespace besom::cluster {

/// What goes wrong in a ThreadGroup. Draws are keyed by `seed`, sender,
/// receiver and the message's number, never by time.
struct ThreadFaults {
  std::uint64_t seed = 0;
  /// A message is passed over by 0 to max_hold calls of Receive before it is
  /// handed out; those that follow it from the same sender wait behind it.
  int max_hold = 0;
  /// Receive chooses among the senders by a draw instead of by arrival.
  bool reorder = false;
  /// What a rank sent and was not received when it died is lost.
  bool lose_in_flight = false;
  /// rank -> number of the Send (from 0) in which it dies; that message and
  /// all later ones are not sent.
  std::map<int, int> die_at_send;
};

/// `size` ranks inside one process, a thread each: the N-rank logic without a
/// launcher. Thread safety: any thread.
class ThreadGroup {
 public:
  explicit ThreadGroup(int size, ThreadFaults faults = {});
  ~ThreadGroup();
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;

  int size() const;

  /// The channel of `rank`; it may outlive the group. Once for each rank.
  std::unique_ptr<Communicator> Join(int rank);

  /// Rank `rank` dies now: its calls return kInterrupted, the others find it
  /// in FailedRanks(). A rank that has closed does not die any more.
  void Kill(int rank);

  /// Runs `body` as every rank, each in a thread of its own, closes its
  /// channel when it returns, and waits for all.
  void Run(const std::function<void(Communicator&)>& body);

 private:
  class Member;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace besom::cluster
