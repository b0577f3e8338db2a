#pragma once

#include <functional>
#include <string>

#include "pipeline/base/clock.h"
#include "pipeline/base/files.h"
#include "stages/checkpoint.h"

namespace besom::run {

/// Where a checkpoint is instead of in a file here: with rank 0, for a host
/// that does not see its workspace. Both empty = in the file.
struct CheckpointElsewhere {
  std::function<Result<std::string>()> fetch;  ///< kNotFound = there is none.
  std::function<Status(std::string_view)> deliver;
};

/// The checkpoint of one task, in a file that is its key's own, so that it is
/// found by whoever runs the task next, in any run of the workspace.
///
/// The file is replaced atomically and carries the digest of its bytes: what
/// does not match is removed and counts as nothing. All that fails is said in
/// the log and costs only the work that would have been saved. Borrows the
/// clock.
class CheckpointFile final : public stages::Checkpoint {
 public:
  /// Between two checkpoints in passing lie at least `interval_seconds`; with 0
  /// there is one after each epoch.
  CheckpointFile(Path path, double interval_seconds, const Clock& clock,
                 CheckpointElsewhere elsewhere = {});

  /// Work that is less than that is done again rather than saved at a stop.
  static constexpr double kWorthKeeping = 1;  // Seconds.

  std::optional<std::string> Load() override;
  bool Due(Moment moment) override;
  void Save(std::string_view bytes) override;
  /// To be called when the task needs it no more: removes what this object has
  /// read or written. A task that does neither costs no call of the disk. What
  /// is elsewhere is left to `gc`.
  void Remove();

 private:
  const Path path_;
  const double interval_seconds_;
  const Clock& clock_;
  const CheckpointElsewhere elsewhere_;
  double saved_at_;     // Or begun, in the clock's seconds.
  bool there_ = false;  // The file, as far as this object knows.
};

}  // namespace besom::run
