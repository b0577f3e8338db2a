#pragma once

#include <map>
#include <string>
#include <vector>

#include "cluster/slurm_jobs.h"

namespace besom::testing {

/// A batch system that knows what the test says; unknown for the rest.
class FakeJobStates final : public cluster::JobStates {
 public:
  cluster::JobState Find(std::string_view job,
                         std::string_view cluster) override {
    asked.push_back(std::string(job) + "@" + std::string(cluster));
    const auto found = states.find(std::string(job));
    return found == states.end() ? cluster::JobState::kUnknown : found->second;
  }

  std::map<std::string, cluster::JobState> states;
  std::vector<std::string> asked;  ///< JOB@CLUSTER.
};

}  // namespace besom::testing
