#pragma once

#include "db/results_store.h"
#include "pipeline/run/recorder.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// Records what runs that died had finished but not committed, as far as this
/// sweep needs it and its blobs are whole in size; their journals tell.
/// Returns how many tasks.
Result<std::size_t> AdoptFinished(const SweepGraph& sweep, db::SweepId id,
                                  db::ResultsStore& results,
                                  const BlobStore& blobs, Recorder& recorder,
                                  const Clock& clock);

/// Ends the records of runs that died, of a sweep that needs nothing any more
/// of what they had finished.
Status EndDeadRuns(const WorkspaceLayout& layout, db::SweepId id,
                   db::ResultsStore& results, const Clock& clock);

}  // namespace besom::run
