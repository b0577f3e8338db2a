#include <memory>

#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/workspace_reader.h"

namespace besom::cli {
namespace {

/// Rows are printed in pieces of about this many bytes.
constexpr std::size_t kPiece = 1 << 16;

struct QueryOptions {
  std::string sql;
  std::string format = "table";
};

Status PrintAnswer(db::Reader& reader, const QueryOptions& options) {
  TablePrinter printer(TableFormatOf(options.format));
  std::string pending;
  BESOM_RETURN_IF_ERROR(reader.Stream(
      options.sql, {},
      [&](const std::vector<std::string>& columns) {
        pending += printer.Begin(columns);
        return Status::Ok();
      },
      [&](const std::vector<db::Cell>& row) {
        pending += printer.Row(row);
        if (pending.size() < kPiece) return Status::Ok();
        return Print(std::exchange(pending, {}));
      }));
  return Print(pending + printer.End());
}

}  // namespace

void AddQueryVerb(CLI::App& app, const GlobalOptions& global,
                  VerbAction& action) {
  auto* verb = app.add_subcommand(
      "query", "Asks the results with SQL; the views are in db/SCHEMA.md");
  const auto options = std::make_shared<QueryOptions>();
  verb->add_option("SQL", options->sql,
                   "One reading statement, e.g. \"SELECT * FROM leaderboard\"")
      ->required();
  verb->add_option("-f,--format", options->format, "How to print the rows")
      ->check(CLI::IsMember(TableFormatNames()))
      ->capture_default_str();
  verb->callback([&global, &action, options] {
    action = [&global, options] {
      return RunReading(global, [&](db::Reader& reader) {
        return PrintAnswer(reader, *options);
      });
    };
  });
}

}  // namespace besom::cli
