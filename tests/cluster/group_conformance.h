#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "cluster/group.h"

namespace besom::cluster::testing {

/// Makes this rank's part of a new group for so many shards; every member
/// calls it as often.
using GroupMaker = std::function<std::unique_ptr<Group>(int shards)>;

/// One promise of the Group interface, held to by every backend on CPUs: the
/// body runs as every one of `ranks` members at once.
struct GroupCase {
  std::string name;
  int least_ranks = 1;
  std::function<void(int ranks, const GroupMaker&)> body;
};

std::ostream& operator<<(std::ostream& out, const GroupCase& it);

/// The cases that a group of `ranks` can run.
std::vector<GroupCase> GroupCases(int ranks);

}  // namespace besom::cluster::testing
