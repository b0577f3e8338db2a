#pragma once

#include <unordered_map>
#include <vector>

#include "db/result_rows.h"
#include "db/task_rows.h"
#include "pipeline/graph/task_graph.h"
#include "pipeline/run/task_messages.h"
#include "pipeline/run/trial_comparison.h"
#include "stages/audit/audit.h"
#include "stages/data/pixel_shard.h"
#include "stages/data/split_table.h"
#include "stages/metric/evaluation.h"

namespace besom::run {

/// A task that was computed, as what later runs find; `finished` in seconds
/// since 1970.
db::ActionRow ActionRowOf(const TaskNode& node, const TaskReport& report,
                          int rank, double finished);

/// The rows of one fit's evaluation, for trial `trial`.
db::FitRow FitRowOf(const stages::Evaluation& evaluation,
                    const std::string& trial, double seconds);

/// One row per image met, with what decoding found out about it.
std::vector<db::ImageRow> ImageRowsOf(
    const stages::SplitTable& table,
    const std::vector<stages::PixelRecord>& records);

/// The rows of the view `comparisons`; lines without a test are left out.
std::vector<db::ComparisonRow> ComparisonRowsOf(
    const std::vector<TrialComparison>& lines);

/// One row per figure of the audit.
db::AuditTable AuditRowsOf(const stages::Audit& audit);

}  // namespace besom::run
