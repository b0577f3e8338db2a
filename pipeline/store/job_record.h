#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "pipeline/store/sweep_shard.h"
#include "pipeline/store/workspace_layout.h"

namespace besom {

/// A sweep's job in a batch system, as the workspace remembers it: a small
/// JSON file (WorkspaceLayout::job_record), written whole, so that it can be
/// read at any time. Its job alone changes it once it was submitted, but for
/// `cancelled`.
struct JobRecord {
  std::string sweep;
  std::string job;        ///< "12", of an array "12_3".
  std::string cluster;    ///< The batch system's name of itself; "" = unknown.
  double submitted = 0;   ///< Seconds since 1970.
  int links = 1;          ///< How often nodes began to run it, or will have.
  double started = 0;     ///< The last of these; seconds since 1970.
  std::int64_t done = 0;  ///< Tasks that had ended by then.
  bool cancelled = false;
  double ended = 0;  ///< Nothing follows any more; 0 = something does.
  std::string why;   ///< It ended so, or was started again.
  std::map<std::string, int> losses;       ///< By node: how often it was lost.
  std::map<std::string, int> told_losses;  ///< As it was at the last start.

  bool operator==(const JobRecord&) const = default;

  /// A node that was lost so often is not used any more.
  static constexpr int kMostLosses = 2;
  std::vector<std::string> ExcludedNodes() const;
};

/// None when there is no such record. kCorrupt when it is not one.
Result<std::optional<JobRecord>> ReadJobRecord(
    const WorkspaceLayout& layout, std::string_view sweep,
    const std::optional<SweepShard>& shard);
/// Replaces the record of record.sweep, or of that shard of it.
Status WriteJobRecord(const WorkspaceLayout& layout, const JobRecord& record,
                      const std::optional<SweepShard>& shard);

/// The records of a sweep: one, those of an array in its order, or none.
Result<std::vector<JobRecord>> JobRecordsOf(const WorkspaceLayout& layout,
                                            std::string_view sweep);
/// The sweeps that have records, by name.
Result<std::vector<std::string>> SubmittedSweeps(const WorkspaceLayout& layout);
/// Forgets them.
Status RemoveJobRecords(const WorkspaceLayout& layout, std::string_view sweep);

}  // namespace besom
