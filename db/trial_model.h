#pragma once

#include <string>
#include <vector>

#include "db/task_rows.h"
#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::db {

/// What is needed to use a finished trial as a model.
struct TrialModel {
  std::string sweep, trial;
  Json config;                 ///< The whole trial, resolved.
  std::string numerics;        ///< The sweep's tags, as it keeps them.
  std::vector<BlobRow> heads;  ///< Weights of each fit, by (repeat, fold).
};

/// Finds a done trial by "best", its id or an unambiguous beginning of it;
/// `sweep` empty = the only sweep. Reads only. kNotFound without a database,
/// kInvalid (with what there is) when the name fits none or several, and when
/// the trial has not ended; NoModelError when its weights are not kept.
Result<TrialModel> FindTrialModel(const Path& database,
                                  const std::string& sweep,
                                  const std::string& trial);

/// What to say when weights of a finished trial are not in the store any more.
Status NoModelError(const std::string& trial);

}  // namespace besom::db
