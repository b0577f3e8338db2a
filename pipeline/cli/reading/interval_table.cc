#include "pipeline/cli/reading/interval_table.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

#include "pipeline/cli/reading/table_text.h"
#include "pipeline/run/trial_sets.h"
#include "stages/metric/decision.h"
#include "stages/metric/set_scores.h"
#include "stages/metric/set_shares.h"

namespace besom::cli {
namespace {

using db::Cell;

constexpr std::array kOverall = {"accuracy",      "balanced_accuracy",
                                 "expected_cost", "kappa",
                                 "mcc",           "loss",
                                 "brier",         "ece"};
constexpr std::array kByClass = {"recall", "specificity", "precision",
                                 "npv",    "roc_auc",     "pr_auc"};
constexpr std::array kAveraged = {"f1", "roc_auc", "pr_auc"};

/// (name, class or "") -> value, low, high, method, groups.
using Rows = std::map<std::pair<std::string, std::string>, std::vector<Cell>>;

db::Table TableOf(const Rows& rows, const std::vector<std::string>& classes) {
  db::Table table;
  table.columns = {"figure", "value", "low", "high", "method", "n"};
  const auto add = [&](const std::string& name, const std::string& cls,
                       const std::string& label) {
    const auto row = rows.find({name, cls});
    if (row == rows.end()) return;
    const std::vector<Cell>& cells = row->second;
    table.rows.push_back({label, Fixed4(cells[0]), Fixed4(cells[1]),
                          Fixed4(cells[2]), cells[3], cells[4]});
  };
  for (const char* name : kOverall) add(name, "", name);
  for (const std::string& cls : classes)
    for (const char* name : kByClass) add(name, cls, name + ("/" + cls));
  for (const char* name : kAveraged)
    add(name, "macro avg", std::string(name) + "/macro");
  return table;
}

}  // namespace

Result<db::Table> IntervalTable(db::Reader& reader, const TrialRecord& record,
                                const std::string& split,
                                const std::string& rule) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table found,
      reader.Query(
          "SELECT name, coalesce(class, ''), value, low, high, method, "
          "n_groups FROM metrics WHERE sweep = ? AND trial = ? AND "
          "split = ? AND rule = ? AND epoch IS NULL AND method IS NOT "
          "NULL AND " +
              std::string(record.fits > 1 ? "repeat IS NULL AND fold IS NULL"
                                          : "repeat = 0 AND fold = 0"),
          {record.name.sweep, record.name.trial, split, rule}));
  Rows rows;
  for (const auto& row : found.rows)
    rows[{db::TextOf(row[0]), db::TextOf(row[1])}] = {row[2], row[3], row[4],
                                                      row[5], row[6]};
  return TableOf(rows, record.classes);
}

Result<db::Table> ImageIntervalTable(db::Reader& reader,
                                     const TrialRecord& record,
                                     const std::string& split) {
  BESOM_ASSIGN_OR_RETURN(const run::TrialSet set,
                         run::LoadTrialSet(reader, record.name, split));
  if (set.images.empty())
    return InvalidError("--interval-unit",
                        fmt::format("no predictions of '{}' are kept", split),
                        "evaluate.predictions: held_out or all");
  Rows rows;
  for (const stages::ScoreRow& row : stages::ScoreSet(
           set.classes, stages::WithImagesAsGroups(set.scored), {})) {
    if (!row.interval) continue;
    rows[{row.name, row.cls.value_or("")}] = {
        db::CellOf(row.value), db::CellOf(row.interval->low),
        db::CellOf(row.interval->high), row.interval->method,
        row.interval->groups};
  }
  return TableOf(rows, set.classes);
}

Result<db::Table> ShareTable(db::Reader& reader, const TrialRecord& record,
                             const std::string& split) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table positive,
      reader.Query("SELECT json_extract(config, '$.evaluate.positive') FROM "
                   "trials WHERE sweep = ? AND trial = ?",
                   {record.name.sweep, record.name.trial}));
  BESOM_ASSIGN_OR_RETURN(const run::TrialSet set,
                         run::LoadTrialSet(reader, record.name, split));
  db::Table table;
  table.columns = {"taken for", "images",           "share", "low",
                   "high",      "mean probability", "low",   "high"};
  for (const stages::ClassShare& row : stages::SharesOf(
           set.classes, set.scored, db::TextOf(positive.rows.at(0)[0]), {}))
    table.rows.push_back({row.name, row.predicted, Fixed4(row.share),
                          Fixed4(db::CellOf(row.share_interval.low)),
                          Fixed4(db::CellOf(row.share_interval.high)),
                          Fixed4(row.mean_probability),
                          Fixed4(db::CellOf(row.probability_interval.low)),
                          Fixed4(db::CellOf(row.probability_interval.high))});
  return table;
}

Result<std::string> ThresholdLines(db::Reader& reader,
                                   const TrialRecord& record) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table found,
      reader.Query("SELECT class, target, value, positive_groups, reliable, "
                   "repeat, fold FROM thresholds WHERE sweep = ? AND trial = ? "
                   "ORDER BY repeat IS NULL, repeat, fold",
                   {record.name.sweep, record.name.trial}));
  std::string text;
  for (const auto& row : found.rows) {
    const bool pooled = db::IsNull(row[5]);
    const std::string fit =
        pooled ? "pooled over the fits: "
        : record.fits > 1
            ? fmt::format("repeat {} fold {}: ", PlainText(row[5]),
                          PlainText(row[6]))
            : "";
    if (pooled && db::IsNull(row[2]) && db::IntegerOf(row[3]) == 0) {
      text += fmt::format("{}no predictions of {} on validation are kept\n",
                          fit, PlainText(row[0]));
      continue;
    }
    if (db::IsNull(row[2])) {
      text += fmt::format("{}no threshold on {} reaches {} on validation\n",
                          fit, PlainText(row[0]), PlainText(row[1]));
      continue;
    }
    text += fmt::format(
        "{}{} where its probability is at least {:.6g} ({} on "
        "validation)",
        fit, PlainText(row[0]), db::NumberOf(row[2]), PlainText(row[1]));
    text += db::IntegerOf(row[4]) != 0
                ? "\n"
                : fmt::format(
                      "; not reliable: only {} patients or images of "
                      "that class chose it, {} are wanted\n",
                      db::IntegerOf(row[3]), stages::kReliableGroups);
  }
  return text;
}

}  // namespace besom::cli
