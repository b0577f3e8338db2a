#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom {

/// What a run says of a task that runs without a common database need.
struct TaskNote {
  int number = 0;      ///< Notes of a task count from 1; 0 = there is none.
  std::string run;     ///< Who computes it, or did; "" = nobody does.
  std::string holder;  ///< That run's LockHolder as text.
  /// What the task left behind; none = it is not done.
  std::optional<Json> outcome;
};

/// Notes about tasks as files KEY.1, KEY.2, ... of a folder that all runs see.
///
/// Invariants:
/// (1) The note of the highest number holds. Numbers have no gaps, and no note
///     is ever taken away: a task that is given back gets an empty note.
/// (2) Whoever adds a number is the only one (link(2), which network file
///     systems do atomically, too). So of several that find a task free, or its
///     run dead, one gets it, without any lock.
/// (3) A note is seen whole or not at all. One that a power cut has damaged
///     reads as one of nobody.
/// Errors: kIo. Thread safety: one thread at a time; any number of processes.
class TaskNotes {
 public:
  explicit TaskNotes(Path folder) : folder_(std::move(folder)) {}

  /// The note of `key` that holds.
  Result<TaskNote> Last(const Digest& key);
  /// Adds `note` after number `after`; false when somebody was faster.
  Result<bool> Add(const Digest& key, int after, const TaskNote& note);
  /// Writes another text to the note of that number, which is the caller's own;
  /// durable.
  Status Replace(const Digest& key, const TaskNote& note);

 private:
  Path FileOf(const Digest& key, int number) const;
  const Path folder_;
  std::unordered_map<std::string, int> seen_;  // By key: a number that exists.
};

}  // namespace besom
