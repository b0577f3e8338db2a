#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/cell.h"

namespace besom::cli {

enum class TableFormat { kTable, kCsv, kJson, kMarkdown };

/// The names that `-f` takes: table, csv, json, markdown.
const std::vector<std::string>& TableFormatNames();
/// REQUIRES: one of TableFormatNames().
TableFormat TableFormatOf(std::string_view name);

/// Writes the answer of a query row by row. Each call returns text to print
/// (kTable holds the rows back until End, to know the widths).
///
/// table: columns aligned, numbers to the right, reals to six digits, control
/// characters as \n, NULL as `-`. csv (RFC 4180 with LF): one header line, NULL
/// empty, quotes only where needed (an empty text is `""`, to differ from
/// NULL). json: a list of objects, one a line. markdown: a pipe table. csv and
/// json print the shortest digits that read back equal.
class TablePrinter {
 public:
  explicit TablePrinter(TableFormat format) : format_(format) {}

  std::string Begin(std::vector<std::string> columns);
  std::string Row(const std::vector<db::Cell>& cells);
  std::string End();

 private:
  TableFormat format_;
  std::vector<std::string> columns_;
  std::vector<std::vector<db::Cell>> held_;
  bool any_ = false;
};

/// A whole table at once.
std::string FormatTable(const db::Table& table, TableFormat format);

/// How a person reads a cell: reals to six digits, NULL as `-`, control
/// characters escaped.
std::string PlainText(const db::Cell& cell);
/// A value to four decimals; `-` for NULL.
std::string Fixed4(const db::Cell& cell);

/// Columns that `text` takes on a terminal: its UTF-8 characters.
std::size_t WidthOf(std::string_view text);
/// `text` filled with spaces on the right / left to `width` columns.
std::string PadRight(std::string_view text, std::size_t width);
std::string PadLeft(std::string_view text, std::size_t width);

}  // namespace besom::cli
