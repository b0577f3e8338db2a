#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cluster/group.h"

namespace besom::cluster {

/// kUnavailable, with the cure, when two members have the same GPU: NCCL
/// cannot do that. `uuids`: each member's, by rank.
Status CheckOneRankPerGpu(const std::vector<std::string>& uuids);

/// Makes a Group whose buckets are in the memory of CUDA's device `device` and
/// travel by NCCL. Every member calls it with its part of the same CPU group,
/// which becomes the new group's own: it carries NCCL's id and the UUIDs, and
/// tells of dead and aborting members later. Start() sums what was written by
/// the device's default stream before; after Wait() that stream may read.
///
/// Sum() is NCCL's own sum, the same bits on every rank, but not in shard
/// order: it differs from AddInOrder by rounding only, at most (R - 1) * 2^-23
/// times the sum of the parts' magnitudes. So device kind and R are in the
/// key of what was computed with it.
///
/// Starting has `start_seconds`, and so has NCCL for taking in each sum; then
/// it is aborted. kUnavailable, with the likely cure, for two members on one
/// GPU and for all that NCCL reports. Leaving waits up to 5 s for NCCL.
/// REQUIRES: members->size() == members->shards().
Result<std::unique_ptr<Group>> OpenNcclGroup(std::unique_ptr<Group> members,
                                             int device, double start_seconds);

}  // namespace besom::cluster
