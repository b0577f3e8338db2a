#pragma once

#include "db/results_store.h"
#include "pipeline/base/result.h"
#include "pipeline/run/coordinator.h"
#include "pipeline/run/planner.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// Rows of features spaces that plans other than `graph` left behind.
Result<PriorRows> FindPriorRows(const SweepGraph& sweep,
                                db::ResultsStore& results,
                                const BlobStore& blobs);

}  // namespace besom::run
