#pragma once

#include <optional>
#include <string>

#include "pipeline/base/files.h"
#include "pipeline/store/file_lock.h"
#include "pipeline/store/patience.h"
#include "pipeline/store/workspace_layout.h"

namespace besom {

/// A file of the workspace by which others find out whether they see the same
/// folder: nobody guesses what is in it.
struct WorkspaceToken {
  std::string name;  ///< Within the root of the workspace.
  std::string content;
  bool operator==(const WorkspaceToken&) const = default;
};

/// Whether the file system of a workspace does what a run relies on, tried
/// before anything else is written there; and the token, as long as the object
/// lives. What a killed process leaves is removed as a dead temporary file.
class WorkspaceProbe {
 public:
  /// Makes the folder; writes, syncs and renames a file in it, syncs the
  /// folder, and takes a lock twice. kIo and kUnavailable with a cure when one
  /// of them fails, kUnavailable also when both get the lock. A file system
  /// that says that it has no locks passes: SweepLock deals with it.
  static Result<WorkspaceProbe> Try(
      const WorkspaceLayout& layout,
      const DiskCalls& disk = DiskCalls::System(),
      const LockCalls& locks = LockCalls::System());
  ~WorkspaceProbe();
  WorkspaceProbe(WorkspaceProbe&& other) noexcept;
  WorkspaceProbe& operator=(WorkspaceProbe&&) = delete;

  const WorkspaceToken& token() const { return token_; }

 private:
  WorkspaceProbe(Path path, WorkspaceToken token)
      : path_(std::move(path)), token_(std::move(token)) {}
  Path path_;  ///< Empty once moved from.
  WorkspaceToken token_;
};

/// Looks for a token; on a network file system, where it may be seen late,
/// until the patience is over. Never waits. Borrows nothing but the patience's
/// clock.
class TokenSearch {
 public:
  static constexpr double kPause = 0.2;  ///< Seconds between two looks.

  TokenSearch(const WorkspaceLayout& layout, WorkspaceToken token,
              const Patience& patience);

  /// Whether it is there; none: to be asked again after kPause.
  std::optional<bool> Look();

 private:
  const Path root_;
  const WorkspaceToken token_;
  const Clock* const clock_;  ///< Null without patience.
  const double until_;        ///< By that clock.
};

}  // namespace besom
