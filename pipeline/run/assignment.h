#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pipeline/graph/task_graph.h"
#include "pipeline/run/rank_traits.h"

namespace besom::run {

struct SchedulerOptions {
  std::vector<RankTraits> ranks = {{}};
  /// How often a task may fail in a way that may pass, or lose its rank.
  int max_retries = 2;
  /// Seconds without a completed unit of work after which a task is given to
  /// another rank; longer for units predicted to take over a tenth of it.
  double lease_seconds = 60;
  /// A rank holds one task beside those that run, and more while all it
  /// holds is predicted to take less than this.
  double prefetch_seconds = 0.02;
  bool queues = true;               ///< Whether it holds any but those.
  std::size_t most_held = 64;       ///< Tasks that a rank holds at most.
  std::size_t most_fused = 64;      ///< Tasks of one call.
  std::int64_t bytes_per_rank = 0;  ///< As in MemoryBook.
};

/// A task given to one rank, or to several that compute it together.
struct Assignment {
  TaskId task = 0;
  int attempt = 0;         ///< Counts the times it was given out, from 1.
  std::vector<int> ranks;  ///< The first one leads and reports the outputs.
  /// Those of one number are for one call; given out one after another.
  std::int64_t bundle = 0;

  bool operator==(const Assignment&) const = default;
};

/// What a report means, by what is known of the task now.
enum class Verdict {
  kCounts,     ///< It decides the task.
  kRepeated,   ///< The task is done already: by an answer that came before.
  kOutOfDate,  ///< Of an attempt that was given up, or nobody knows it.
};

/// What became of a task that a rank could not compute.
struct TaskFailure {
  Verdict verdict = Verdict::kOutOfDate;
  /// The tasks that are given up: it and what needs it; empty = it will run
  /// again.
  std::vector<TaskId> ended;
};

/// What a lost rank leaves behind.
struct RankLoss {
  std::vector<TaskId> running;  ///< What the rank was computing.
  std::vector<TaskId> ended;    ///< Given up: lost too many ranks.
};

/// What ranks hold whose lease is over.
struct LeaseExpiry {
  std::vector<int> ranks;        ///< Silent beyond their lease.
  std::vector<TaskId> running;   ///< What they were computing.
  std::vector<Assignment> held;  ///< What they had not begun.
  std::vector<TaskId> ended;     ///< Given up, as in TaskFailure.
};

}  // namespace besom::run
