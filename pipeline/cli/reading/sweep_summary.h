#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/cell.h"
#include "db/reader.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// Rank 1 of a leaderboard.
struct BestTrial {
  std::string trial;
  std::string metric;  ///< As in the spec: "recall/covid".
  std::string split;
  db::Cell value, test_value, accuracy;
  std::int64_t ties = 0;       ///< Other trials with the same value.
  std::int64_t undecided = 0;  ///< Of these, equal by every criterion.
  bool on_held_out = false;    ///< Selected on test or an external set.
  db::Cell low, high, test_low, test_high;  ///< Intervals of 95 %.
  double violation = 0;             ///< Of `metric.subject_to`; 0 = meets it.
  std::vector<std::string> bounds;  ///< `metric.subject_to`.
  bool optimistic = false;          ///< The first of several on that split.
};

/// How far a sweep is.
struct SweepSummary {
  std::string sweep;
  std::map<std::string, std::int64_t> states;  ///< Of planned trials.
  std::int64_t planned = 0;
  std::int64_t unplanned = 0;  ///< Rows of trials that the spec dropped.
  std::optional<BestTrial> best;

  /// Number of planned trials in `state`.
  std::int64_t Count(const std::string& state) const;
  /// 0 all done or pruned, 1 some failed, 3 incomplete.
  int ExitCode() const;
};

Result<SweepSummary> SummaryOf(db::Reader& reader, const std::string& sweep);

/// SweepSummary::ExitCode of a sweep as `database` has it; 3 when there is no
/// such file yet.
Result<int> ExitCodeOfSweep(const Path& database, const std::string& sweep);

/// "18 trials: 12 done, 2 running, 4 pending".
std::string StateCountsText(const SweepSummary& summary);
/// One or two lines when rank 1 is a tie; else empty.
std::string TieNotice(const BestTrial& best);
/// Lines about what to think of the choice: that it was made on a held-out
/// set, that no trial meets the bounds, that the best of several is flattered
/// by the figure that chose it; else empty.
std::string SelectionNotice(const BestTrial& best);

}  // namespace besom::cli
