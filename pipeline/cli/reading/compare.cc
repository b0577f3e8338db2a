#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "pipeline/cli/reading/comparison_words.h"
#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/trial_record.h"
#include "pipeline/cli/reading/workspace_reader.h"
#include "pipeline/run/trial_comparison.h"

namespace besom::cli {
namespace {

using db::Cell;

struct CompareOptions {
  std::vector<std::string> trials;
  std::string by;
  std::string sweep;
  std::string format = "table";
  std::vector<std::string> metrics;
  std::string split;
  std::string method;
  bool tests = false;  ///< Only their table.
};

/// Appends one row per parameter in which the trials differ.
void AddDifferences(const std::vector<TrialRecord>& records, db::Table& table) {
  std::set<std::string> axes;
  for (const TrialRecord& record : records) {
    for (const auto& [axis, value] : record.parameters.items()) {
      axes.insert(axis);
    }
  }
  for (const std::string& axis : axes) {
    std::vector<Cell> row = {axis};
    bool differ = false;
    for (const TrialRecord& record : records) {
      row.push_back(ValueText(record.parameters.value(axis, Json())));
      differ |= row.back() != row[1];
    }
    if (differ) table.rows.push_back(std::move(row));
  }
}

const SetRecord* FindSet(const TrialRecord& record, const std::string& split) {
  for (const SetRecord& set : record.sets) {
    if (set.split == split) return &set;
  }
  return nullptr;
}

/// Appends the figures of one set, a column per trial.
void AddFigures(const std::vector<TrialRecord>& records,
                const std::string& split, db::Table& table) {
  const auto add = [&](const std::string& name, auto figure) {
    std::vector<Cell> row = {fmt::format("{} {}", split, name)};
    for (const TrialRecord& record : records) {
      const SetRecord* set = FindSet(record, split);
      row.push_back(Fixed4(set != nullptr ? figure(*set) : Cell()));
    }
    table.rows.push_back(std::move(row));
  };
  add("accuracy", [](const SetRecord& set) { return set.accuracy; });
  add("balanced_accuracy",
      [](const SetRecord& set) { return set.balanced_accuracy; });
  add("loss", [](const SetRecord& set) { return set.loss; });
  add("f1/macro", [](const SetRecord& set) {
    return db::CellOf(set.report.averages.at(0).f1);
  });
  for (const std::string& name : records[0].classes) {
    add("recall/" + name, [&name](const SetRecord& set) {
      for (const ClassFigures& figures : set.report.classes) {
        if (figures.name == PlainText(name)) return db::CellOf(figures.recall);
      }
      return Cell();
    });
  }
}

Result<std::vector<db::TrialName>> TrialsOf(db::Reader& reader,
                                            const CompareOptions& options) {
  std::vector<db::TrialName> trials;
  for (const std::string& text : options.trials) {
    BESOM_ASSIGN_OR_RETURN(db::TrialName name,
                           reader.FindTrial(text, options.sweep));
    trials.push_back(std::move(name));
  }
  return trials;
}

Result<db::Table> SideBySide(db::Reader& reader,
                             const std::vector<db::TrialName>& trials) {
  std::vector<TrialRecord> records;
  db::Table table;
  table.columns = {"trial"};
  std::set<std::string> splits;
  for (const db::TrialName& name : trials) {
    BESOM_ASSIGN_OR_RETURN(TrialRecord record, LoadTrial(reader, name));
    for (const SetRecord& set : record.sets) splits.insert(set.split);
    table.columns.push_back(record.name.trial);
    records.push_back(std::move(record));
  }
  AddDifferences(records, table);
  BESOM_ASSIGN_OR_RETURN(
      const db::Table metric,
      reader.Query("SELECT metric, split FROM sweeps WHERE sweep = ?",
                   {records[0].name.sweep}));
  std::vector<Cell> values = {fmt::format("{} {} (ranks)",
                                          db::TextOf(metric.rows.at(0)[1]),
                                          db::TextOf(metric.rows.at(0)[0]))};
  for (const TrialRecord& record : records) {
    BESOM_ASSIGN_OR_RETURN(
        const db::Table value,
        reader.Query("SELECT value FROM leaderboard WHERE sweep = ? AND trial "
                     "= ?",
                     {record.name.sweep, record.name.trial}));
    values.push_back(Fixed4(value.rows.at(0)[0]));
  }
  table.rows.push_back(std::move(values));
  for (const std::string& split : splits) AddFigures(records, split, table);
  return table;
}

/// What to test where nothing is named: what the trials are ranked by, and
/// accuracy and the positive class's recall, on the set that they are ranked
/// on and on test.
Result<run::TrialComparisonOptions> WhatToTest(db::Reader& reader,
                                               const db::TrialName& first,
                                               const CompareOptions& options) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table sweep,
      reader.Query("SELECT s.metric, s.split, json_extract(t.config, "
                   "'$.evaluate.positive') FROM sweeps s JOIN trials t ON "
                   "t.sweep = s.sweep AND t.trial = ?2 WHERE s.sweep = ?1",
                   {first.sweep, first.trial}));
  const auto& row = sweep.rows.at(0);
  run::TrialComparisonOptions what;
  what.method = options.method;
  what.metrics = options.metrics;
  const auto add = [](std::vector<std::string>& list, std::string text) {
    if (std::ranges::find(list, text) == list.end())
      list.push_back(std::move(text));
  };
  if (what.metrics.empty()) {
    add(what.metrics, db::TextOf(row[0]));
    add(what.metrics, "accuracy");
    const std::string positive = db::TextOf(row[2]);
    if (!positive.empty()) add(what.metrics, "recall/" + positive);
  }
  if (!options.split.empty()) {
    what.splits = {options.split};
    return what;
  }
  what.splits = {db::TextOf(row[1])};
  BESOM_ASSIGN_OR_RETURN(
      const db::Table test,
      reader.Query("SELECT 1 FROM metrics WHERE sweep = ? AND trial = ? AND "
                   "split = 'test' LIMIT 1",
                   {first.sweep, first.trial}));
  if (!test.rows.empty()) add(what.splits, "test");
  return what;
}

db::Table TableOf(const std::vector<run::TrialComparison>& lines) {
  db::Table table;
  table.columns = {"a",       "b",          "metric",     "split", "method",
                   "value_a", "value_b",    "difference", "low",   "high",
                   "p",       "p_adjusted", "units",      "unit",  "note"};
  for (const run::TrialComparison& line : lines)
    table.rows.push_back(
        {line.a, line.b, line.test.metric, line.split, line.test.method,
         db::CellOf(line.value_a), db::CellOf(line.value_b),
         db::CellOf(line.test.difference), db::CellOf(line.test.low),
         db::CellOf(line.test.high), db::CellOf(line.test.p),
         db::CellOf(line.p_adjusted), line.units, line.unit,
         line.why_not.empty() ? Cell() : Cell(line.why_not)});
  return table;
}

Status CompareTrials(db::Reader& reader, const CompareOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::TrialName> trials,
                         TrialsOf(reader, options));
  const TableFormat format = TableFormatOf(options.format);
  std::string text;
  if (!options.tests) {
    BESOM_ASSIGN_OR_RETURN(const db::Table table, SideBySide(reader, trials));
    text = FormatTable(table, format);
    // Programs that read the table would stumble over words.
    if (trials.size() < 2 || format != TableFormat::kTable) return Print(text);
  }
  BESOM_ASSIGN_OR_RETURN(const run::TrialComparisonOptions what,
                         WhatToTest(reader, trials[0], options));
  BESOM_ASSIGN_OR_RETURN(const std::vector<run::TrialComparison> lines,
                         run::CompareTrialsBy(reader, trials, what));
  if (options.tests) return Print(FormatTable(TableOf(lines), format));
  BESOM_ASSIGN_OR_RETURN(
      const db::Table chosen,
      reader.Query("SELECT split FROM sweeps WHERE sweep = ?",
                   {trials[0].sweep}));
  text += "\n";
  for (const std::string& words :
       ComparisonLines(lines, db::TextOf(chosen.rows.at(0)[0])))
    text += words + "\n";
  return Print(text);
}

/// The axis that `text` means: its dotted path or, where unique, its last word.
Result<std::string> FindAxis(db::Reader& reader, const std::string& sweep,
                             const std::string& text) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table all,
      reader.Query("SELECT DISTINCT parameter FROM trial_parameters WHERE "
                   "sweep = ? ORDER BY parameter",
                   {sweep}));
  std::vector<std::string> ends;
  std::string list;
  for (const auto& row : all.rows) {
    const std::string axis = db::TextOf(row[0]);
    if (axis == text) return axis;
    if (axis.substr(axis.rfind('.') + 1) == text) ends.push_back(axis);
    list += (list.empty() ? "" : ", ") + axis;
  }
  if (ends.size() == 1) return ends[0];
  return InvalidError(
      "--by", fmt::format("no single axis '{}'; there is: {}", text, list));
}

Result<db::Table> CompareByAxis(db::Reader& reader,
                                const CompareOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const std::string sweep,
                         reader.FindSweep(options.sweep));
  BESOM_ASSIGN_OR_RETURN(const std::string axis,
                         FindAxis(reader, sweep, options.by));
  BESOM_ASSIGN_OR_RETURN(
      db::Table table,
      reader.Query(
          "SELECT p.value AS axis, count(*) AS trials, avg(l.value) AS mean, "
          "min(l.value) AS lowest, max(l.value) AS highest, avg(l.accuracy) AS "
          "accuracy, avg(l.test_value) AS \"test mean\" FROM leaderboard l "
          "JOIN trial_parameters p ON p.sweep = l.sweep AND p.trial = l.trial "
          "AND p.parameter = ?2 WHERE l.sweep = ?1 AND l.rank IS NOT NULL "
          "GROUP BY p.value ORDER BY min(l.rank)",
          {sweep, axis}));
  BESOM_ASSIGN_OR_RETURN(
      const db::Table metric,
      reader.Query("SELECT metric, split FROM sweeps WHERE sweep = ?",
                   {sweep}));
  table.columns[0] = axis;
  table.columns[2] = fmt::format("{} mean {}", db::TextOf(metric.rows[0][1]),
                                 db::TextOf(metric.rows[0][0]));
  return table;
}

Status Compare(db::Reader& reader, const CompareOptions& options) {
  if (options.by.empty() == options.trials.empty()) {
    return InvalidError("compare", "name either trials or --by AXIS",
                        "`besom compare best 3f2a` or `besom compare --by "
                        "model.head`");
  }
  if (options.by.empty()) return CompareTrials(reader, options);
  BESOM_ASSIGN_OR_RETURN(const db::Table table, CompareByAxis(reader, options));
  return Print(FormatTable(table, TableFormatOf(options.format)));
}

}  // namespace

void AddCompareVerb(CLI::App& app, const GlobalOptions& global,
                    VerbAction& action) {
  auto* verb = app.add_subcommand(
      "compare", "Sets trials side by side, or the values of one axis");
  const auto options = std::make_shared<CompareOptions>();
  verb->add_option("TRIAL", options->trials, "Ids, prefixes, or `best`");
  verb->add_option("--by", options->by,
                   "Mean over all other axes for each value of this axis")
      ->type_name("AXIS");
  AddSweepOption(*verb, options->sweep);
  verb->add_option("-f,--format", options->format, "How to print the table")
      ->check(CLI::IsMember(TableFormatNames()))
      ->capture_default_str();
  verb->add_flag("--tests", options->tests,
                 "Only the table of the tests: the first trial against each "
                 "other one");
  verb->add_option("--metric", options->metrics,
                   "What to test, METRIC[/CLASS|/macro|/weighted]; default: "
                   "what ranks, accuracy, the positive class's recall")
      ->type_name("METRIC");
  verb->add_option("--split", options->split,
                   "Set to test on; default: where trials are ranked, and test")
      ->type_name("SET");
  verb->add_option("--method", options->method,
                   "How to test; default: by patient group where one holds "
                   "several images, by fit where a trial has several")
      ->check(CLI::IsMember(
          {"sign_flip", "mcnemar", "delong", "obuchowski", "resampled_t"}));
  verb->callback([&global, &action, options] {
    action = [&global, options] {
      return RunReading(global, [&](db::Reader& reader) {
        return Compare(reader, *options);
      });
    };
  });
}

}  // namespace besom::cli
