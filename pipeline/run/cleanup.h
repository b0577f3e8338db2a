#pragma once

#include <string>

#include "pipeline/base/clock.h"
#include "pipeline/run/cleanup_plan.h"
#include "pipeline/store/lock_holder.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::run {

struct CleanupReport {
  /// By CleanupKind: what was removed, or would be.
  struct Line {
    std::size_t files = 0;
    std::uint64_t bytes = 0;
  };
  std::array<Line, kCleanupKindNames.size()> lines;
  CleanupPlan plan;
  /// Of the first file that could not be removed; the others were. The next
  /// cleanup tries it again.
  Status trouble;
};

/// Frees space in a workspace, as PlanCleanup says; with `dry_run` it changes
/// nothing. Killed at any instant it leaves a workspace that runs go on with:
/// the database says that a blob is gone before it goes.
///
/// Holds the workspace lock alone meanwhile; `self` is this process. Errors:
/// kNotFound without a workspace, kInterrupted (who it is) while a run is
/// alive, kUnavailable where the file system has no locks to tell.
Result<CleanupReport> CleanUp(const WorkspaceLayout& layout,
                              const CleanupPolicy& policy, bool dry_run,
                              const LockHolder& self, const Clock& clock);

}  // namespace besom::run
