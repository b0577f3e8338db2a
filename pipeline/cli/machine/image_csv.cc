#include "pipeline/cli/machine/image_csv.h"

#include <csv.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace besom::cli {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::vector<std::string>>;

struct RowCollector {
  Rows rows;
  std::vector<std::string> row;
};

void TakeField(void* text, std::size_t size, void* collector) {
  static_cast<RowCollector*>(collector)->row.emplace_back(
      static_cast<const char*>(text), size);
}

void TakeRow(int, void* collector) {
  auto* into = static_cast<RowCollector*>(collector);
  into->rows.push_back(std::move(into->row));
  into->row.clear();
}

/// Rows are enough to recognise a column by; a whole file may be large.
constexpr std::size_t kSample = 200;

std::string Cell(const Rows& rows, std::size_t row, std::size_t column) {
  return column < rows[row].size() ? rows[row][column] : "";
}

/// Share of the first rows whose cell names a file in `folder`.
double ShareOfFiles(const Rows& rows, std::size_t column, const Path& folder) {
  const std::size_t last = std::min(rows.size() - 1, kSample);
  std::size_t found = 0;
  for (std::size_t row = 1; row <= last; ++row) {
    const std::string cell = Cell(rows, row, column);
    std::error_code ignored;
    if (LooksLikeImage(cell) && fs::is_regular_file(folder / cell, ignored))
      ++found;
  }
  return static_cast<double>(found) / static_cast<double>(last);
}

/// Sets the image column and folder with the most files; false when fewer
/// than half of the rows name one.
bool FindImages(const Rows& rows, const Path& file, ImageTableFile& table) {
  std::vector<Path> folders = {file.parent_path()};
  std::error_code error;
  for (fs::directory_iterator it(file.parent_path(), error), end;
       !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) folders.push_back(it->path());
  }
  std::sort(folders.begin() + 1, folders.end());
  double best = 0.5;
  for (const Path& folder : folders) {
    for (std::size_t column = 0; column < rows[0].size(); ++column) {
      const double share = ShareOfFiles(rows, column, folder);
      if (share < best || (share == best && !table.image_column.empty()))
        continue;
      best = share;
      table.image_column = rows[0][column];
      table.image_folder =
          folder == folders[0] ? "" : folder.filename().string();
    }
  }
  return !table.image_column.empty();
}

std::string Letters(const std::string& name) {
  std::string letters;
  for (const char c : name) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0)
      letters += static_cast<char>(std::tolower(c));
  }
  return letters;
}

/// Index of the first column whose name, letters only, is in `names`.
std::optional<std::size_t> FindColumn(const Rows& rows,
                                      const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    for (std::size_t column = 0; column < rows[0].size(); ++column) {
      if (Letters(rows[0][column]) == name) return column;
    }
  }
  return std::nullopt;
}

}  // namespace

Rows ReadCsvRows(const Path& file) {
  const Result<std::string> text = ReadFile(file);
  if (!text.ok()) return {};
  csv_parser parser;
  if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) return {};
  RowCollector collector;
  const bool whole = csv_parse(&parser, text->data(), text->size(), TakeField,
                               TakeRow, &collector) == text->size() &&
                     csv_fini(&parser, TakeField, TakeRow, &collector) == 0;
  csv_free(&parser);
  return whole ? std::move(collector.rows) : Rows{};
}

std::optional<ImageTableFile> RecogniseImageCsv(const Path& file) {
  const Rows rows = ReadCsvRows(file);
  if (rows.size() < 2) return std::nullopt;
  ImageTableFile table;
  table.path = file;
  if (!FindImages(rows, file, table)) return std::nullopt;
  const auto label =
      FindColumn(rows, {"label", "labels", "class", "classname", "finding",
                        "diagnosis", "category", "target"});
  if (!label) return std::nullopt;
  table.label_column = rows[0][*label];
  for (std::size_t row = 1; row < rows.size(); ++row) {
    const std::string value = Cell(rows, row, *label);
    if (!value.empty()) ++table.labels[value];
  }
  if (table.labels.empty() || table.labels.size() > 20) return std::nullopt;
  const auto group = FindColumn(rows, {"patientid", "patient", "subjectid",
                                       "subject", "groupid", "group"});
  if (group) table.group_column = rows[0][*group];
  return table;
}

}  // namespace besom::cli
