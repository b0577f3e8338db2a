#include <fmt/format.h>

#include <memory>
#include <set>

#include "pipeline/cli/looking/looking_verbs.h"
#include "pipeline/cli/looking/mistake_list.h"
#include "pipeline/cli/looking/mistake_sheet.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/workspace_reader.h"
#include "pipeline/cli/trained/stored_pixels.h"

namespace besom::cli {
namespace {

struct MistakesOptions {
  std::string trial, sweep;
  std::string split = "test";
  std::size_t count = 20;
  std::string format = "table";
  std::string sheet;
};

db::Table TableOf(const MistakeList& list) {
  db::Table table{
      {"image", "actual", "predicted", "probability", "probability_of_actual"},
      {}};
  if (list.several_fits)
    table.columns.insert(table.columns.end(), {"repeat", "fold"});
  for (const Mistake& mistake : list.mistakes) {
    std::vector<db::Cell> row = {
        mistake.image, mistake.actual, mistake.predicted,
        mistake.predicted_probability, mistake.actual_probability};
    if (list.several_fits) {
      row.emplace_back(std::int64_t{mistake.repeat});
      row.emplace_back(std::int64_t{mistake.fold});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Status WriteSheet(const WorkspaceLayout& layout, db::Reader& reader,
                  const db::TrialName& name, const MistakeList& list,
                  const Path& path) {
  BESOM_ASSIGN_OR_RETURN(const Json settings, PixelSettingsOf(reader, name));
  std::set<std::string> contents;
  for (const Mistake& mistake : list.mistakes) contents.insert(mistake.content);
  BESOM_ASSIGN_OR_RETURN(
      const PixelsByContent pixels,
      LoadStoredPixels(layout, reader, name.sweep, settings, contents));
  if (pixels.size() < contents.size())
    fmt::print(stderr,
               "besom: the pixels of {} images are not in the store any more; "
               "their places are empty\n",
               contents.size() - pixels.size());
  BESOM_ASSIGN_OR_RETURN(const std::string png,
                         MistakeSheet(list.mistakes, pixels));
  return WriteFileAtomic(path, png);
}

Status ShowMistakes(const WorkspaceLayout& layout, db::Reader& reader,
                    const MistakesOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const db::TrialName name,
                         reader.FindTrial(options.trial, options.sweep));
  BESOM_ASSIGN_OR_RETURN(MistakeList list,
                         LoadMistakes(reader, name, options.split));
  const std::size_t total = list.mistakes.size();
  if (options.count > 0 && total > options.count)
    list.mistakes.resize(options.count);
  if (!options.sheet.empty())
    BESOM_RETURN_IF_ERROR(
        WriteSheet(layout, reader, name, list, options.sheet));
  const TableFormat format = TableFormatOf(options.format);
  std::string text;
  if (format == TableFormat::kTable)
    text = fmt::format("trial {} is wrong about {} of {} images of {}\n",
                       name.trial, total, list.images, PlainText(list.split));
  if (total > 0 || format != TableFormat::kTable)
    text += FormatTable(TableOf(list), format);
  return Print(text);
}

}  // namespace

void AddMistakesVerb(CLI::App& app, const GlobalOptions& global,
                     VerbAction& action) {
  auto* verb = app.add_subcommand(
      "mistakes", "Lists the errors of a trial, the most confident first");
  const auto options = std::make_shared<MistakesOptions>();
  verb->add_option("TRIAL", options->trial, "Id, prefix of it, or `best`")
      ->required();
  AddSweepOption(*verb, options->sweep);
  verb->add_option("--split", options->split, "Which set")
      ->type_name("SET")
      ->capture_default_str();
  verb->add_option("-n,--number", options->count, "At most so many; 0 = all")
      ->capture_default_str();
  verb->add_option("-f,--format", options->format, "How to print the rows")
      ->check(CLI::IsMember(TableFormatNames()))
      ->capture_default_str();
  verb->add_option("-o,--output", options->sheet,
                   "Also write their pictures, as the network saw them")
      ->type_name("FILE.png");
  verb->callback([&global, &action, options] {
    action = [&global, options] {
      return RunReading(global, [&](db::Reader& reader) {
        return ShowMistakes(WorkspaceOf(global.workspace), reader, *options);
      });
    };
  });
}

}  // namespace besom::cli
