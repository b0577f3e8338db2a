#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::cluster {

/// Bytes that a rank sent to this one.
struct Message {
  int from = 0;
  std::string bytes;

  bool operator==(const Message&) const = default;
};

/// The control channel of one rank: short messages from rank to rank.
///
/// Invariants:
/// (1) Messages from one rank to another arrive whole, once and in the order
///     in which they were sent. Nothing is said about different pairs.
/// (2) A rank that died appears in FailedRanks() after the last message from
///     it that is ever returned; what it sent and had not arrived is lost.
/// (3) Waiting costs next to nothing: below 2 % of a core when idle.
/// Thread safety: one thread (the rank's control thread) makes all calls,
/// except Wake(), which any thread may call as long as the object lives.
class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  /// Closes, dropping the error, if Close() was not called.
  virtual ~Communicator() = default;

  virtual int rank() const noexcept = 0;
  virtual int size() const noexcept = 0;

  /// Queues `bytes` (any number, none included) for rank `to`, which may be
  /// this rank, and returns without waiting for the receiver. Bytes for a rank
  /// that has failed or closed are dropped: the failure is told by
  /// FailedRanks(). An error means that this rank cannot go on.
  /// REQUIRES: 0 <= to < size(), not closed.
  virtual Status Send(int to, std::string bytes) = 0;

  /// Waits for a message, at most `timeout_seconds` (0 polls, infinity waits
  /// for ever). Returns nothing when the time is over, after Wake(), or when a
  /// rank has failed; it may also return nothing for no reason, so the caller
  /// looks at all that it waits for after every return. An error means that
  /// this rank cannot go on. REQUIRES: timeout_seconds >= 0, not closed.
  virtual Result<std::optional<Message>> Receive(double timeout_seconds) = 0;

  /// Makes a Receive that waits, or else the next one that would wait, return.
  /// Calls before that return count as one.
  virtual void Wake() = 0;

  /// The ranks known to have died, in the order in which it was found out.
  /// Ranks are only added, and only by Receive.
  virtual const std::vector<int>& FailedRanks() const = 0;

  /// Waits until what was sent has left this rank (a bounded time), then
  /// leaves the group; messages that were not received are dropped. Every rank
  /// calls it once, in any order. kIo names ranks that would not take their
  /// messages; the channel is closed then, too.
  virtual Status Close() = 0;
};

}  // namespace besom::cluster
