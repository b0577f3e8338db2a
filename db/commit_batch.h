#pragma once

#include <optional>
#include <vector>

#include "db/result_rows.h"
#include "db/sweep_rows.h"
#include "db/task_rows.h"

namespace besom::db {

/// Everything that one commit window brought. Empty parts change nothing.
struct CommitBatch {
  std::vector<ActionRow> actions;
  std::vector<CacheHit> hits;
  std::vector<AttemptRow> attempts;
  std::vector<EventRow> events;
  std::vector<FitRow> fits;
  std::vector<TrialChange> trials;  ///< Applied after `fits`.
  /// All images of the sweep; those not listed are no longer shown, but for
  /// those of `later_images`, which stay.
  std::optional<ImageTable> images;
  /// Sets that fits got later, which do not come from the sweep's own sources.
  /// Of each FitRow only the trial, the fit, the classes and the sets count;
  /// a set replaces the one of its name. The fit must be there.
  std::vector<FitRow> later_sets;
  /// The images of those: they replace the later images of equal sources.
  std::optional<ImageTable> later_images;
  /// The audit of the sweep; replaces the one before.
  std::optional<AuditTable> audit;

  bool empty() const;
};

}  // namespace besom::db
