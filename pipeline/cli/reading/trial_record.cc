#include "pipeline/cli/reading/trial_record.h"

#include <algorithm>
#include <map>

#include "pipeline/cli/reading/table_text.h"

namespace besom::cli {
namespace {

using db::Cell;

/// SQL that picks the one row per figure: of the only fit, or over all fits.
std::string FitCondition(int fits) {
  return fits > 1 ? " AND repeat IS NULL AND fold IS NULL"
                  : " AND repeat = 0 AND fold = 0";
}

Result<Json> ParseCell(const Cell& cell, const char* what) {
  return ParseJson(db::TextOf(cell), what);
}

Status LoadFits(db::Reader& reader, TrialRecord& record) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table fits,
      reader.Query("SELECT chosen_epoch, classes FROM fits WHERE sweep = ? AND "
                   "trial = ? ORDER BY repeat, fold",
                   {record.name.sweep, record.name.trial}));
  for (const auto& row : fits.rows) {
    record.chosen_epochs.push_back(static_cast<int>(db::IntegerOf(row[0])));
  }
  record.fits_recorded = static_cast<int>(fits.rows.size());
  if (fits.rows.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const Json classes,
                         ParseCell(fits.rows[0][1], "classes of a fit"));
  for (const Json& name : classes) {
    record.classes.push_back(name.get<std::string>());
  }
  return Status::Ok();
}

/// train, validation, test, then the external sets by name.
int PlaceOfSplit(const std::string& split) {
  if (split == "train") return 0;
  if (split == "validation") return 1;
  return split == "test" ? 2 : 3;
}

Status LoadOverall(db::Reader& reader, TrialRecord& record) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table overall,
      reader.Query(
          "SELECT split, name, value FROM metrics WHERE sweep = ? AND "
          "trial = ? AND epoch IS NULL AND class IS NULL AND rule = 'largest'" +
              FitCondition(record.fits),
          {record.name.sweep, record.name.trial}));
  std::map<std::pair<int, std::string>, SetRecord> sets;
  for (const auto& row : overall.rows) {
    const std::string split = db::TextOf(row[0]), name = db::TextOf(row[1]);
    SetRecord& set = sets[{PlaceOfSplit(split), split}];
    set.split = split;
    if (name == "loss") set.loss = row[2];
    if (name == "balanced_accuracy") set.balanced_accuracy = row[2];
    if (name != "accuracy") continue;
    set.accuracy = row[2];
    set.report.accuracy = db::ValueOf(row[2]);
  }
  for (auto& [place, set] : sets) record.sets.push_back(std::move(set));
  return Status::Ok();
}

Status LoadClassFigures(db::Reader& reader, TrialRecord& record) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT split, class, precision, recall, f1, support FROM "
                   "classification_report WHERE sweep = ? AND trial = ?" +
                       FitCondition(record.fits),
                   {record.name.sweep, record.name.trial}));
  std::map<std::pair<std::string, std::string>, ClassFigures> figures;
  for (const auto& row : rows.rows) {
    const std::string name = db::TextOf(row[1]);
    figures[{db::TextOf(row[0]), name}] = {
        PlainText(name), db::ValueOf(row[2]), db::ValueOf(row[3]),
        db::ValueOf(row[4]), db::NumberOf(row[5])};
  }
  for (SetRecord& set : record.sets) {
    for (const std::string& name : record.classes) {
      set.report.classes.push_back(figures[{set.split, name}]);
      set.report.classes.back().name = PlainText(name);
    }
    for (const char* average : {"macro avg", "weighted avg"}) {
      set.report.averages.push_back(figures[{set.split, average}]);
      set.report.averages.back().name = average;
    }
  }
  return Status::Ok();
}

Status LoadCounts(db::Reader& reader, TrialRecord& record) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT split, actual, predicted, count FROM "
                   "confusion_matrix WHERE sweep = ? AND trial = ?" +
                       FitCondition(record.fits),
                   {record.name.sweep, record.name.trial}));
  const std::size_t n = record.classes.size();
  for (SetRecord& set : record.sets) {
    set.counts.assign(n, std::vector<std::int64_t>(n, 0));
  }
  const auto index = [&](const std::string& name) {
    const auto found =
        std::find(record.classes.begin(), record.classes.end(), name);
    return static_cast<std::size_t>(found - record.classes.begin());
  };
  for (const auto& row : rows.rows) {
    const std::size_t actual = index(db::TextOf(row[1]));
    const std::size_t predicted = index(db::TextOf(row[2]));
    for (SetRecord& set : record.sets) {
      if (set.split != db::TextOf(row[0]) || actual == n || predicted == n) {
        continue;
      }
      set.counts[actual][predicted] = db::IntegerOf(row[3]);
    }
  }
  return Status::Ok();
}

}  // namespace

Result<TrialRecord> LoadTrial(db::Reader& reader, const db::TrialName& name) {
  TrialRecord record;
  record.name = name;
  BESOM_ASSIGN_OR_RETURN(
      const db::Table trial,
      reader.Query("SELECT state, error, parameters, fits FROM trials WHERE "
                   "sweep = ? AND trial = ?",
                   {name.sweep, name.trial}));
  if (trial.rows.empty()) {
    return InvalidError("TRIAL", "there is no trial " + name.trial);
  }
  const auto& row = trial.rows[0];
  record.state = db::TextOf(row[0]);
  record.error = db::TextOf(row[1]);
  BESOM_ASSIGN_OR_RETURN(record.parameters,
                         ParseCell(row[2], "parameters of a trial"));
  record.fits = static_cast<int>(db::IntegerOf(row[3]));
  BESOM_RETURN_IF_ERROR(LoadFits(reader, record));
  if (record.fits_recorded < record.fits) return record;
  BESOM_RETURN_IF_ERROR(LoadOverall(reader, record));
  BESOM_RETURN_IF_ERROR(LoadClassFigures(reader, record));
  BESOM_RETURN_IF_ERROR(LoadCounts(reader, record));
  return record;
}

std::string ValueText(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return PlainText(value.get<std::string>());
  return CanonicalText(value);
}

}  // namespace besom::cli
