#pragma once

#include <string>
#include <vector>

#include "db/cell.h"
#include "db/reader.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/reading/class_report.h"

namespace besom::cli {

/// What the database holds of one set of a trial: means over the fits, sums
/// of the confusion matrices.
struct SetRecord {
  std::string split;
  ClassReport report;
  Counts counts;  ///< In the order of TrialRecord::classes.
  db::Cell loss, accuracy, balanced_accuracy;
};

/// A trial as the reading verbs show it.
struct TrialRecord {
  db::TrialName name;
  std::string state, error;
  Json parameters;  ///< axis -> value.
  int fits = 1;
  int fits_recorded = 0;
  std::vector<int> chosen_epochs;  ///< One per recorded fit, from 0.
  std::vector<std::string> classes;
  std::vector<SetRecord> sets;  ///< train, validation, test, others; empty
                                ///< until all fits are recorded.
};

/// Reads everything about a trial.
Result<TrialRecord> LoadTrial(db::Reader& reader, const db::TrialName& name);

/// A parameter's value for people: texts without quotes, null as `-`.
std::string ValueText(const Json& value);

}  // namespace besom::cli
