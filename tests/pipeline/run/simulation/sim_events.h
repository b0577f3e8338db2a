#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pipeline/run/executor.h"

namespace besom::testing {

/// No order, no task.
inline constexpr auto kNone = static_cast<std::size_t>(-1);

/// What a rank does about an order that was sent to it.
struct SimPart {
  int rank = 0;
  bool joined = false;   ///< Of several: waits for the others, or computes.
  bool decided = false;  ///< Of several: ends with `status`.
  bool heard = false;    ///< The coordinator has its answer.
  Status status;
  TaskId broken = kNone;  ///< The task whose output could not be read.
};

/// One attempt at a task.
struct SimOrder {
  TaskId task = 0;
  int attempt = 0;
  std::size_t first_part = 0;  ///< The leader's, of those of all orders.
  std::size_t members = 1;
  /// Of one call: its first order, which stands for all of them at the rank,
  /// and how many follow that one.
  std::size_t call = kNone, companions = 0;
  bool hung = false;
  bool told = false;    ///< The coordinator knows its end, or gave it up.
  bool broken = false;  ///< Of several: they cannot go on together.
  bool over = false;    ///< Of several: they have computed it.

  bool OfSeveral() const { return members > 1; }
};

struct SimRank {
  std::vector<std::size_t> queue;  ///< Of orders; the first one runs.
  bool alive = true;
  bool known_lost = false;  ///< The coordinator knows of its death.
  /// It hung, or waited for a rank that did: its lease may be over.
  bool ever_hung = false;
  int unheard = 0;          ///< Orders that the coordinator has no answer to.
  double last_order = 0;    ///< When the latest order comes to it.
  double last_message = 0;  ///< When its latest message comes.
};

struct SimEvent {
  enum class What {
    kArrive,
    kFinish,
    kRecall,
    kDie,
    kDeliver,
    kKill,
    // Of several ranks:
    kJoin,
    kTogether,
    kWaitedLong
  };
  double time = 0;
  std::uint64_t serial = 0;
  What what = What::kArrive;
  int rank = 0;
  std::size_t index = 0;  ///< Of an order or a message.
  bool operator>(const SimEvent& other) const {
    return std::pair(time, serial) > std::pair(other.time, other.serial);
  }
};

struct SimLetter {
  run::ExecutorEvent event;
  std::size_t order = kNone;
};

}  // namespace besom::testing
