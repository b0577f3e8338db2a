#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "db/reader.h"
#include "db/sweep_rows.h"
#include "pipeline/base/result.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::run {

/// A run that the database knows of and whose end it does not.
struct OpenRun {
  std::string run;
  std::string host;
  std::int64_t pid = 0;
  std::string job;  ///< Slurm job id; "" = none.
  std::int64_t ranks = 1;
  std::string started;  ///< ISO 8601, UTC.
  /// By its lock (IsRunAlive); true also where that cannot be asked.
  bool alive = true;
};

/// Those of `sweep`, the oldest first. Reads only.
Result<std::vector<OpenRun>> OpenRunsOf(db::Reader& reader,
                                        const WorkspaceLayout& layout,
                                        const std::string& sweep);

bool AnyAlive(const std::vector<OpenRun>& runs);

/// How a trial stands that the database calls `state` (db::NameOf): what none
/// of `runs` works on any more is pending.
db::TrialState StateWith(const std::vector<OpenRun>& runs,
                         std::string_view state);

}  // namespace besom::run
