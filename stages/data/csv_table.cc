#include "stages/data/csv_table.h"

#include <csv.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace besom::stages {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// What libcsv's callbacks fill.
struct Parsing {
  std::vector<CsvTable::Row> rows;
  CsvTable::Row row;
  int line = 1;  ///< Of the bytes that are being parsed.
};

void OnCell(void* cell, std::size_t length, void* data) {
  auto* parsing = static_cast<Parsing*>(data);
  if (parsing->row.cells.empty()) parsing->row.line = parsing->line;
  parsing->row.cells.emplace_back(
      cell == nullptr ? "" : static_cast<const char*>(cell), length);
}

void OnRow(int, void* data) {
  auto* parsing = static_cast<Parsing*>(data);
  parsing->rows.push_back(std::exchange(parsing->row, {}));
}

struct Parser {
  csv_parser state;
  bool ready;
  Parser() : ready(csv_init(&state, CSV_STRICT | CSV_STRICT_FINI) == 0) {}
  ~Parser() {
    if (ready) csv_free(&state);
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
};

Status Malformed(const Path& file, int line, std::string cause) {
  return InvalidError(fmt::format("{}:{}", file.string(), line),
                      std::move(cause),
                      "cells that hold quotes, commas or line breaks stand in "
                      "double quotes, quotes within them doubled");
}

/// Feeds libcsv line by line, so that rows know where they stand.
Result<std::vector<CsvTable::Row>> ParseRows(const Path& file,
                                             std::string_view text) {
  Parser parser;
  Parsing parsing;
  if (!parser.ready) return IoError(file.string(), "no memory to read it");
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
    if (csv_parse(&parser.state, text.data(), length, OnCell, OnRow,
                  &parsing) != length)
      return Malformed(file, parsing.line,
                       csv_strerror(csv_error(&parser.state)));
    text.remove_prefix(length);
    ++parsing.line;
  }
  if (csv_fini(&parser.state, OnCell, OnRow, &parsing) != 0)
    return Malformed(file, parsing.line, "the file ends within a quoted cell");
  return std::move(parsing.rows);
}

}  // namespace

Result<CsvTable> CsvTable::Read(const Path& file) {
  Result<std::string> text = ReadFile(file);
  if (!text.ok())
    return InvalidError(
        file.string(),
        fmt::format("the CSV file cannot be read: {}", text.status().cause()),
        "check `path` and the file");
  std::string_view body = *text;
  if (body.starts_with(kByteOrderMark))
    body.remove_prefix(kByteOrderMark.size());
  CsvTable table;
  table.file = file;
  BESOM_ASSIGN_OR_RETURN(table.rows, ParseRows(file, body));
  if (table.rows.empty())
    return InvalidError(file.string(), "the CSV file holds no header line");
  table.columns = std::move(table.rows.front().cells);
  table.rows.erase(table.rows.begin());
  for (Row& row : table.rows) {
    while (row.cells.size() > table.columns.size() && row.cells.back().empty())
      row.cells.pop_back();
    if (row.cells.size() > table.columns.size())
      return Malformed(file, row.line,
                       fmt::format("{} cells, the header has {}",
                                   row.cells.size(), table.columns.size()));
    row.cells.resize(table.columns.size());
  }
  return table;
}

Result<std::size_t> CsvTable::Column(std::string_view name,
                                     std::string_view place) const {
  const auto it = std::ranges::find(columns, name);
  if (it == columns.end())
    return InvalidError(
        std::string(place),
        fmt::format("{} has no column '{}'", file.string(), name),
        fmt::format("its columns are {}", fmt::join(columns, ", ")));
  if (std::find(it + 1, columns.end(), name) != columns.end())
    return InvalidError(
        std::string(place),
        fmt::format("{} has more than one column '{}'", file.string(), name),
        "rename one of them");
  return static_cast<std::size_t>(it - columns.begin());
}

}  // namespace besom::stages
