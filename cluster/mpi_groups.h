#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cluster/group.h"

namespace besom::cluster {

struct MpiGroupChannel;

/// Who computes a data-parallel task together.
struct GroupMembers {
  /// Ranks of the MPI world, each once; the first is the leader.
  std::vector<int> ranks;
  /// Tells groups apart: no two of a job that share two ranks have the same
  /// number. Counts from 0, say one for each attempt; the last 2^20 count.
  std::int64_t number = 0;
  int shards = 1;  ///< At least as many as ranks.
};

/// Where the Groups of an MPI job come from. They share a communicator of
/// their own, in which each group has tags of its own: joining a group is not
/// collective and cannot hang, and a dead rank that is no member disturbs
/// nobody. Where MPI is fault tolerant a dead member breaks the group, else
/// MPI ends the job. Thread safety: one thread at a time, which may be another
/// one than that of the control channel.
class MpiGroups {
 public:
  /// Every rank of the world calls it once, in the same order as it opens its
  /// channels, before any rank may have died.
  /// REQUIRES: MPI runs with MPI_THREAD_MULTIPLE (MpiSession).
  static Result<std::unique_ptr<MpiGroups>> Open();

  /// Groups end before it; MPI ends after it.
  ~MpiGroups();
  MpiGroups(const MpiGroups&) = delete;
  MpiGroups& operator=(const MpiGroups&) = delete;

  /// This rank's part of the group; each member calls it, in any order, and no
  /// other rank does. Sends and waits for nothing.
  /// REQUIRES: this rank is a member, 1 <= members <= shards.
  std::unique_ptr<Group> Join(const GroupMembers& members);

 private:
  explicit MpiGroups(std::shared_ptr<MpiGroupChannel> channel);

  std::shared_ptr<MpiGroupChannel> channel_;
};

}  // namespace besom::cluster
