#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "pipeline/cli/reading/interval_table.h"
#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/reading/set_tables.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/trial_record.h"
#include "pipeline/cli/reading/workspace_reader.h"

namespace besom::cli {
namespace {

struct ShowOptions {
  std::string trial;
  std::string sweep;
  std::string split;
  std::string zero_division;
  std::string interval_unit = "group";
};

std::string Heading(const TrialRecord& record) {
  std::string text =
      fmt::format("trial  {}\nsweep  {}\nstate  {}\n", record.name.trial,
                  PlainText(record.name.sweep), record.state);
  if (!record.error.empty()) {
    text += fmt::format("error  {}\n", PlainText(record.error));
  }
  if (record.fits > 1) {
    text += fmt::format(
        "fits   {} of {} recorded; figures are means over "
        "fits, confusion matrices sums\n",
        record.fits_recorded, record.fits);
  }
  if (!record.chosen_epochs.empty()) {
    text += fmt::format("chosen epoch  {} (from 0)\n",
                        fmt::join(record.chosen_epochs, ", "));
  }
  std::size_t width = 0;
  for (const auto& [axis, value] : record.parameters.items()) {
    width = std::max(width, WidthOf(PlainText(axis)));
  }
  if (width > 0) text += "\nparameters\n";
  for (const auto& [axis, value] : record.parameters.items()) {
    text += fmt::format("  {}  {}\n", PadRight(PlainText(axis), width),
                        ValueText(value));
  }
  return text;
}

std::string Overview(const TrialRecord& record) {
  db::Table table;
  table.columns = {"set", "images", "loss", "accuracy", "balanced accuracy"};
  for (const SetRecord& set : record.sets) {
    std::int64_t images = 0;
    for (const auto& row : set.counts) {
      for (const std::int64_t count : row) images += count;
    }
    table.rows.push_back({set.split, images, Fixed4(set.loss),
                          Fixed4(set.accuracy), Fixed4(set.balanced_accuracy)});
  }
  return FormatTable(table, TableFormat::kTable);
}

std::string SetText(const TrialRecord& record, const SetRecord& set,
                    bool zero_division) {
  std::vector<std::string> labels;
  for (const auto& name : record.classes) labels.push_back(PlainText(name));
  const ClassReport report =
      zero_division ? ReportOfCounts(labels, set.counts) : set.report;
  return fmt::format(
      "\n{}\n{}\nconfusion matrix of {} (rows: actual, columns: "
      "predicted)\n{}",
      PlainText(set.split), ReportText(report), PlainText(set.split),
      CountsText(labels, set.counts));
}

/// What is printed of a set below its matrix.
Result<std::string> IntervalText(db::Reader& reader, const TrialRecord& record,
                                 const std::string& split,
                                 const std::string& unit) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<TitledTable> tables,
                         TablesOfSet(reader, record, split, unit));
  std::string text;
  for (const TitledTable& titled : tables)
    text += fmt::format("\n{}\n{}", titled.title,
                        FormatTable(titled.table, TableFormat::kTable));
  if (!IsExternal(split)) return text;
  BESOM_ASSIGN_OR_RETURN(const std::string counts,
                         ExternalCounts(reader, record.name.sweep, split));
  return text + "\n" + counts + "\n";
}

Status Show(db::Reader& reader, const ShowOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const db::TrialName name,
                         reader.FindTrial(options.trial, options.sweep));
  BESOM_ASSIGN_OR_RETURN(const TrialRecord record, LoadTrial(reader, name));
  std::string text = Heading(record);
  if (record.sets.empty()) {
    return Print(text + "\nno figures yet: its evaluation is not finished\n");
  }
  text += "\n" + Overview(record);
  BESOM_ASSIGN_OR_RETURN(const std::string thresholds,
                         ThresholdLines(reader, record));
  if (!thresholds.empty()) text += "\nthreshold\n" + thresholds;
  bool any = false;
  for (const SetRecord& set : record.sets) {
    if (!options.split.empty() && set.split != options.split) continue;
    any = true;
    text += SetText(record, set, options.zero_division == "0");
    BESOM_ASSIGN_OR_RETURN(
        const std::string intervals,
        IntervalText(reader, record, set.split, options.interval_unit));
    text += intervals;
  }
  if (!any) {
    std::vector<std::string> splits;
    for (const SetRecord& set : record.sets) splits.push_back(set.split);
    return InvalidError("--split",
                        fmt::format("no set '{}'; there is: {}", options.split,
                                    fmt::join(splits, ", ")));
  }
  return Print(text);
}

}  // namespace

Result<std::string> SetFigures(db::Reader& reader, const db::TrialName& name,
                               const std::string& set) {
  BESOM_ASSIGN_OR_RETURN(const TrialRecord record, LoadTrial(reader, name));
  for (const SetRecord& found : record.sets) {
    if (found.split != set) continue;
    BESOM_ASSIGN_OR_RETURN(const std::string intervals,
                           IntervalText(reader, record, set, "group"));
    return SetText(record, found, /*zero_division=*/false) + intervals;
  }
  BESOM_ASSIGN_OR_RETURN(const std::string counts,
                         ExternalCounts(reader, name.sweep, set));
  return counts + "\n";
}

void AddShowVerb(CLI::App& app, const GlobalOptions& global,
                 VerbAction& action) {
  auto* verb = app.add_subcommand(
      "show",
      "Prints a trial: parameters, classification report and confusion "
      "matrix of each set");
  const auto options = std::make_shared<ShowOptions>();
  verb->add_option("TRIAL", options->trial, "Id, prefix of it, or `best`")
      ->required();
  AddSweepOption(*verb, options->sweep);
  verb->add_option("--split", options->split, "Only this set")
      ->type_name("SET");
  verb->add_option("--zero-division", options->zero_division,
                   "0: print 0 where a quotient has no value and average over "
                   "all classes, as scikit-learn's zero_division=0")
      ->check(CLI::IsMember({"0"}));
  verb->add_option("--interval-unit", options->interval_unit,
                   "What intervals rest on: patient groups, or images as if "
                   "each were its own patient")
      ->check(CLI::IsMember({"group", "image"}))
      ->capture_default_str();
  verb->callback([&global, &action, options] {
    action = [&global, options] {
      return RunReading(
          global, [&](db::Reader& reader) { return Show(reader, *options); });
    };
  });
}

}  // namespace besom::cli
