#pragma once

#include <string>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/reading/trial_record.h"

namespace besom::cli {

/// The tables of `show` for each set of a trial, as HTML: figures with
/// intervals, what external sets are taken for, how far the thresholds are to
/// be trusted.
Result<std::string> FiguresSection(db::Reader& reader,
                                   const TrialRecord& record);

/// How the first of the leaderboard compares with the next ones, as HTML: the
/// sentences of `compare`. Empty when there are not two.
Result<std::string> RivalsSection(db::Reader& reader, const std::string& sweep,
                                  const std::string& chosen_on);

}  // namespace besom::cli
