#pragma once

#include <string>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::run {

/// Makes what CompareLeader says the rows of the view `comparisons`. They are a
/// function of the other rows, so that two runs may do it at once.
Status RecordComparisons(const Path& database, const std::string& sweep);

/// Whether one of the trials that CompareLeader compares the first with has no
/// row by what ranks them now: a run was killed before its end, or trials were
/// added. True as well where such a row cannot be made, as of trials that were
/// not asked about the same images.
Result<bool> LacksComparisons(const Path& database, const std::string& sweep);

}  // namespace besom::run
