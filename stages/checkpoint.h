#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace besom::stages {

/// Where a task that takes long leaves how far it is, for its next attempt. A
/// task that goes on from there gives the same blobs as one never interrupted.
/// One thread at a time.
class Checkpoint {
 public:
  /// Where in its work a task asks whether to save.
  enum class Moment {
    kStep,   ///< Between two pieces of a unit of work.
    kEpoch,  ///< After a unit of work.
    kStop,   ///< Asked to stop: it will return kInterrupted.
  };

  Checkpoint() = default;
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;
  virtual ~Checkpoint() = default;

  /// The bytes saved last, by any attempt; none when there are none that can be
  /// read.
  virtual std::optional<std::string> Load() = 0;
  /// Whether enough time has passed that saving is worth it.
  virtual bool Due(Moment moment) = 0;
  /// Replaces what was saved. Where that fails the old bytes stay, and the task
  /// goes on.
  virtual void Save(std::string_view bytes) = 0;
};

}  // namespace besom::stages
