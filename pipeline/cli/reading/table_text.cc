#include "pipeline/cli/reading/table_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pipeline/base/check.h"
#include "pipeline/base/json.h"

namespace besom::cli {
namespace {

using db::Cell;

/// JSON text of a value; bytes that are not UTF-8 become U+FFFD.
std::string JsonText(const Cell& cell) {
  Json value;
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) value = *integer;
  if (const auto* real = std::get_if<double>(&cell)) value = *real;
  if (const auto* text = std::get_if<std::string>(&cell)) value = *text;
  return CanonicalText(value);
}

std::string CsvField(const Cell& cell) {
  if (db::IsNull(cell)) return "";
  if (const auto* real = std::get_if<double>(&cell);
      real != nullptr && std::isinf(*real)) {
    return *real > 0 ? "Inf" : "-Inf";
  }
  const auto* text = std::get_if<std::string>(&cell);
  if (text == nullptr) return JsonText(cell);
  if (!text->empty() && text->find_first_of("\",\r\n") == std::string::npos) {
    return *text;
  }
  std::string quoted = "\"";
  for (const char c : *text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string MarkdownCell(const Cell& cell) {
  std::string escaped;
  for (const char c : PlainText(cell)) {
    if (c == '|' || c == '<') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

template <typename Items, typename Text>
std::string JoinLine(const Items& items, std::string_view begin,
                     std::string_view between, std::string_view end,
                     Text text) {
  std::string line(begin);
  bool first = true;
  for (const auto& item : items) {
    if (!first) line += between;
    first = false;
    line += text(item);
  }
  return line + std::string(end);
}

std::string AlignedTable(const std::vector<std::string>& columns,
                         const std::vector<std::vector<Cell>>& rows) {
  std::vector<std::vector<std::string>> texts;
  std::vector<std::size_t> widths;
  std::vector<bool> numeric(columns.size(), true);
  for (const std::string& column : columns) {
    widths.push_back(WidthOf(PlainText(column)));
  }
  for (const auto& row : rows) {
    auto& line = texts.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.push_back(PlainText(row[i]));
      widths[i] = std::max(widths[i], WidthOf(line.back()));
      if (std::holds_alternative<std::string>(row[i])) numeric[i] = false;
    }
  }
  std::string out;
  const auto add = [&](const std::vector<std::string>& line) {
    std::string joined;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i > 0) joined += "  ";
      joined += numeric[i] ? PadLeft(line[i], widths[i])
                           : PadRight(line[i], widths[i]);
    }
    joined.erase(joined.find_last_not_of(' ') + 1);
    out += joined + '\n';
  };
  std::vector<std::string> head, rule;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    head.push_back(PlainText(columns[i]));
    rule.push_back(std::string(widths[i], '-'));
  }
  add(head);
  add(rule);
  for (const auto& line : texts) add(line);
  return out;
}

}  // namespace

const std::vector<std::string>& TableFormatNames() {
  static const std::vector<std::string> names = {"table", "csv", "json",
                                                 "markdown"};
  return names;
}

TableFormat TableFormatOf(std::string_view name) {
  const auto& names = TableFormatNames();
  const auto found = std::find(names.begin(), names.end(), name);
  BESOM_CHECK(found != names.end(), name);
  return static_cast<TableFormat>(found - names.begin());
}

std::string TablePrinter::Begin(std::vector<std::string> columns) {
  columns_ = std::move(columns);
  const auto cell = [](const std::string& name) { return Cell(name); };
  switch (format_) {
    case TableFormat::kTable:
      return "";
    case TableFormat::kCsv:
      return JoinLine(columns_, "", ",", "\n",
                      [&](const auto& c) { return CsvField(cell(c)); });
    case TableFormat::kJson:
      return "[";
    case TableFormat::kMarkdown:
      return JoinLine(columns_, "| ", " | ", " |\n",
                      [&](const auto& c) { return MarkdownCell(cell(c)); }) +
             JoinLine(columns_, "|", "|", "|\n",
                      [](const auto&) { return std::string("---"); });
  }
  return "";
}

std::string TablePrinter::Row(const std::vector<Cell>& cells) {
  switch (format_) {
    case TableFormat::kTable:
      held_.push_back(cells);
      return "";
    case TableFormat::kCsv:
      return JoinLine(cells, "", ",", "\n", CsvField);
    case TableFormat::kMarkdown:
      return JoinLine(cells, "| ", " | ", " |\n", MarkdownCell);
    case TableFormat::kJson: {
      std::string line = any_ ? ",\n{" : "\n{";
      any_ = true;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) line += ", ";
        line += JsonText(columns_[i]) + ": " + JsonText(cells[i]);
      }
      return line + "}";
    }
  }
  return "";
}

std::string TablePrinter::End() {
  if (format_ == TableFormat::kTable) return AlignedTable(columns_, held_);
  if (format_ == TableFormat::kJson) return any_ ? "\n]\n" : "]\n";
  return "";
}

std::string FormatTable(const db::Table& table, TableFormat format) {
  TablePrinter printer(format);
  std::string text = printer.Begin(table.columns);
  for (const auto& row : table.rows) text += printer.Row(row);
  return text + printer.End();
}

std::string PlainText(const Cell& cell) {
  if (db::IsNull(cell)) return "-";
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    return fmt::format("{}", *integer);
  }
  if (const auto* real = std::get_if<double>(&cell)) {
    return fmt::format("{:.6g}", *real);
  }
  std::string escaped;
  for (const char c : std::get<std::string>(cell)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      escaped += "\\n";
    } else if (c == '\t') {
      escaped += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      escaped += fmt::format("\\x{:02x}", byte);
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string Fixed4(const Cell& cell) {
  return db::IsNull(cell) ? "-" : fmt::format("{:.4f}", db::NumberOf(cell));
}

std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string PadRight(std::string_view text, std::size_t width) {
  const std::size_t used = WidthOf(text);
  return std::string(text) + std::string(width > used ? width - used : 0, ' ');
}

std::string PadLeft(std::string_view text, std::size_t width) {
  const std::size_t used = WidthOf(text);
  return std::string(width > used ? width - used : 0, ' ') + std::string(text);
}

}  // namespace besom::cli
