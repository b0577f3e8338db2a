#pragma once

#include "db/task_rows.h"
#include "pipeline/run/task_order.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// What a finished action left behind, when every blob is in the store with
/// its size (bytes not read); else kNotFound, whose place is the digest of the
/// first that is not.
Result<TaskOutputs> OutputsOf(const db::ActionRow& action,
                              const BlobStore& blobs);

}  // namespace besom::run
