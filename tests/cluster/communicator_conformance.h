#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "cluster/communicator.h"

namespace besom::cluster::testing {

/// One promise of the Communicator interface, held to by every backend: the
/// body runs as every rank of a group at once and returns when its part is
/// done; the channel is closed after it.
struct ConformanceCase {
  std::string name;
  int least_ranks = 1;
  std::function<void(Communicator&)> body;
};

std::ostream& operator<<(std::ostream& out, const ConformanceCase& it);

/// The cases that a group of `size` ranks can run.
std::vector<ConformanceCase> ConformanceCases(int size);

}  // namespace besom::cluster::testing
