#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/group.h"

namespace besom::cluster {

/// Short bytes from every member to every member, by means of a bucket: a
/// broadcast, a vote, a barrier. Thread safety: as the group's.
class GroupExchange {
 public:
  /// `bytes` from each member at a time. All members make their exchanges in
  /// the same order among their buckets. `group` outlives it.
  /// REQUIRES: not group.on_device().
  static Result<GroupExchange> Make(Group& group, std::size_t bytes);

  /// Gives `mine` and gets everybody's, by rank, after at most
  /// `timeout_seconds`. REQUIRES: mine has the size that was agreed on.
  Result<std::vector<std::string>> All(std::string_view mine,
                                       double timeout_seconds);

 private:
  GroupExchange(Group& group, std::size_t bytes, int bucket)
      : group_(&group), bytes_(bytes), bucket_(bucket) {}

  Group* group_;
  std::size_t bytes_;
  int bucket_;
};

}  // namespace besom::cluster
