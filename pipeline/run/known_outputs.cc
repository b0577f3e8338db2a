#include "pipeline/run/known_outputs.h"

namespace besom::run {

Result<TaskOutputs> OutputsOf(const db::ActionRow& action,
                              const BlobStore& blobs) {
  TaskOutputs outputs;
  for (const db::BlobRow& row : action.blobs) {
    const Result<Digest> digest = Digest::FromHex(row.digest);
    if (!digest.ok() || !blobs.Has({*digest, row.size}))
      return Status(StatusCode::kNotFound, row.digest, "the blob is gone");
    outputs.push_back({row.port, {*digest, row.size}});
  }
  return outputs;
}

}  // namespace besom::run
