#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "pipeline/run/run_options.h"

namespace besom::run {

/// How a sweep, or the shard of it that is asked for, stands by its database.
struct Standing {
  /// Every trial that `options` ask for has ended, so that no worker needs to
  /// start. False also when that is not known, and for a whole sweep as long as
  /// parts of it are to be merged.
  bool complete = false;
  std::size_t failed = 0;  ///< Of the planned trials, when complete.
  std::size_t trials = 0;  ///< That are asked for, when complete.
  bool has_parts = false;  ///< Shards have left parts that are not merged.
  /// Of a shard: all trials of all shards have ended, so that whoever ends last
  /// merges the parts.
  bool to_merge = false;
  /// It does not: no shard is alive that would.
  bool left_to_merge = false;

  /// 0 all done or pruned, 1 some failed, 3 not complete or not merged yet by
  /// who is alive no more.
  int ExitCode() const;
};
/// `offered`: as SweepNumerics::Resolve.
Result<Standing> FindStanding(const RunOptions& options, int threads,
                              const std::vector<std::string>& offered);

}  // namespace besom::run
