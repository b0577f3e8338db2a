#pragma once

#include <string>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/reading/trial_record.h"

namespace besom::cli {

/// The main figures of a set with their intervals of 95 %, how those were made
/// and on what: overall ones, then by class, then macro averages. `rule` as in
/// the view `metrics`. Without rows where the database holds none.
Result<db::Table> IntervalTable(db::Reader& reader, const TrialRecord& record,
                                const std::string& split,
                                const std::string& rule);

/// The same with each image its own group, from the kept predictions; kInvalid
/// where none are kept.
Result<db::Table> ImageIntervalTable(db::Reader& reader,
                                     const TrialRecord& record,
                                     const std::string& split);

/// What an external set is taken for: by class the share predicted and the mean
/// probability, with intervals of 95 %, and the same of "not POSITIVE"; from
/// the kept predictions, no rows where none are kept.
Result<db::Table> ShareTable(db::Reader& reader, const TrialRecord& record,
                             const std::string& split);

/// What the thresholds of the trial are and how far to trust them, a line a
/// fit; empty without any.
Result<std::string> ThresholdLines(db::Reader& reader,
                                   const TrialRecord& record);

}  // namespace besom::cli
