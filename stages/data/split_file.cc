#include "stages/data/split_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "stages/data/csv_table.h"

namespace besom::stages {
namespace {

constexpr int kMostFolds = 1000;

std::optional<int> FoldOf(const std::string& text) {
  int fold = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), fold);
  if (error != std::errc() || end != text.data() + text.size() || fold < 0 ||
      fold >= kMostFolds)
    return std::nullopt;
  return fold;
}

}  // namespace

Result<Json> LoadSplitFile(const Path& path) {
  BESOM_ASSIGN_OR_RETURN(const CsvTable table, CsvTable::Read(path));
  const std::string place = path.string();
  BESOM_ASSIGN_OR_RETURN(const std::size_t image, table.Column("image", place));
  BESOM_ASSIGN_OR_RETURN(const std::size_t split, table.Column("split", place));
  std::optional<std::size_t> fold;
  if (std::find(table.columns.begin(), table.columns.end(), "fold") !=
      table.columns.end()) {
    BESOM_ASSIGN_OR_RETURN(fold, table.Column("fold", place));
  }
  Json rows = Json::array();
  std::map<std::pair<std::string, std::string>, int> seen;
  for (const CsvTable::Row& row : table.rows) {
    const std::string at = fmt::format("{}:{}", place, row.line);
    const std::string& part = row.cells[split];
    if (row.cells[image].empty()) return InvalidError(at, "names no image");
    if (part != "train" && part != "validation" && part != "test")
      return InvalidError(at, fmt::format("unknown split '{}'", part),
                          "use train, validation or test");
    Json json = {{"image", row.cells[image]}, {"split", part}};
    const std::string fold_text = fold ? row.cells[*fold] : "";
    if (!fold_text.empty()) {
      const std::optional<int> number = FoldOf(fold_text);
      if (!number)
        return InvalidError(at, fmt::format("fold '{}' is not an integer from "
                                            "0 to {}",
                                            fold_text, kMostFolds - 1));
      json["fold"] = *number;
    }
    const auto [known, is_new] =
        seen.emplace(std::pair(row.cells[image], fold_text), row.line);
    if (!is_new)
      return InvalidError(at,
                          fmt::format("lists '{}' again (first in line {})",
                                      row.cells[image], known->second),
                          "keep one of the rows");
    rows.push_back(std::move(json));
  }
  if (rows.empty()) return InvalidError(place, "lists no image");
  return rows;
}

}  // namespace besom::stages
