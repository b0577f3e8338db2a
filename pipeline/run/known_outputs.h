#pragma once

#include <functional>
#include <vector>

#include "db/results_store.h"
#include "pipeline/run/planner.h"
#include "pipeline/run/task_order.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// What a finished action left behind, when every blob is in the store with
/// its size (bytes not read) and none was removed on purpose; else kNotFound,
/// whose place is the digest of the first that is not.
Result<TaskOutputs> OutputsOf(const db::ActionRow& action,
                              const BlobStore& blobs);

/// The blobs that it left behind, there or not; without those that were removed
/// on purpose, for which nobody waits.
std::vector<BlobRef> BlobsOf(const db::ActionRow& action);

/// Looks for what the database says is done of the plan, and of the features
/// that other plans left, until all of it is visible here or the store's
/// patience is over: one wait for all. Nothing on local file systems.
/// kInterrupted once `stop` says true.
Status AwaitKnown(const SweepGraph& sweep, db::ResultsStore& results,
                  const BlobStore& blobs, const std::function<bool()>& stop);

/// Whether the views of `data` are to be made even when no task reads them: not
/// when they were removed on purpose, and the contact sheet that is drawn of
/// them is there. `results` may be null: no database yet.
Result<bool> WantsViews(const SweepGraph& sweep, const PlannedData& data,
                        db::ResultsStore* results,
                        const WorkspaceLayout& layout);

/// Whether a run has finished the shortcut audit of the sweep, or none is asked
/// for.
Result<bool> IsAudited(const SweepGraph& sweep, db::ResultsStore& results);

}  // namespace besom::run
