#pragma once

#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/reading/trial_record.h"

namespace besom::cli {

/// A table and what is said above it.
struct TitledTable {
  std::string title;
  db::Table table;
};

/// Whether `split` is none of train, validation and test.
bool IsExternal(const std::string& split);

/// What is shown of a set of a trial beside its report: what an external set is
/// taken for, the figures with their intervals, and those by the threshold;
/// only tables with rows. Nothing for train. `unit`: "group", or "image" for
/// intervals as if each image were its own patient (kInvalid where no
/// predictions are kept).
Result<std::vector<TitledTable>> TablesOfSet(db::Reader& reader,
                                             const TrialRecord& record,
                                             const std::string& split,
                                             const std::string& unit);

/// How many images of an external set are used, how many are left out, and how
/// many of either overlap with what some fit was trained or validated on: by
/// patient or as a duplicate. One sentence.
Result<std::string> ExternalCounts(db::Reader& reader, const std::string& sweep,
                                   const std::string& set);

}  // namespace besom::cli
