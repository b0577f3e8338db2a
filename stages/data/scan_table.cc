#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "stages/data/csv_table.h"
#include "stages/data/decode.h"
#include "stages/data/scan_folder.h"
#include "stages/data/scan_rows.h"

namespace besom::stages {
namespace {

/// Where the table and its images are, and which columns it is read by.
struct TablePlan {
  Path csv, folder;
  /// Files of the folder without a row are met, too. Not for a `csv` without
  /// an image folder: what else lies beside it is none of the source's.
  bool lists_folder = false;
  std::size_t image = 0;
  RowColumns columns;
};

Result<TablePlan> FindTable(const SourceSettings& source) {
  TablePlan plan;
  if (source.format == "metadata_csv") {
    BESOM_RETURN_IF_ERROR(CheckFolder(source, "path", source.path));
    plan.csv = source.path / "metadata.csv";
    plan.folder = source.path;
    plan.lists_folder = true;
  } else {
    plan.csv = source.path;
    plan.folder = source.path.parent_path();
    plan.lists_folder = !source.image_folder.empty();
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(plan.csv, error))
    return InvalidError(source.place + ".path",
                        fmt::format("source '{}': there is no file {}",
                                    source.name, plan.csv.string()),
                        "correct the path, or the variable that it is made of");
  if (!source.image_folder.empty()) {
    plan.folder /= source.image_folder;
    BESOM_RETURN_IF_ERROR(CheckFolder(source, "image_folder", plan.folder));
  }
  return plan;
}

Status FindColumns(const SourceSettings& source, const CsvTable& table,
                   TablePlan& plan) {
  BESOM_ASSIGN_OR_RETURN(
      plan.image,
      table.Column(source.image_column, source.place + ".image_column"));
  BESOM_RETURN_IF_ERROR(FindRowColumns(source, table, plan.columns));
  for (const auto& [column, patterns] : source.where) {
    BESOM_ASSIGN_OR_RETURN(
        const std::size_t index,
        table.Column(column, fmt::format("{}.where.{}", source.place, column)));
    plan.columns.where.push_back(index);
  }
  return Status::Ok();
}

/// A path within the images' folder; none when it leads out of it.
std::optional<std::string> InnerPath(const std::string& cell,
                                     const Path& folder) {
  if (cell.find('\0') != std::string::npos) return std::nullopt;
  const Path path = (folder / cell).lexically_normal();
  const Path inner = path.lexically_relative(folder.lexically_normal());
  const std::string text = inner.generic_string();
  if (text.empty() || text == "." || text == ".." || text.starts_with("../"))
    return std::nullopt;
  return text;
}

class TableScan {
 public:
  TableScan(const SourceSettings& source, const CsvTable& table, TablePlan plan)
      : source_(source), table_(table), plan_(std::move(plan)) {}

  Result<std::vector<FoundImage>> Run() {
    if (plan_.lists_folder) {
      BESOM_ASSIGN_OR_RETURN(std::vector<FolderItem> items,
                             ListFolder(plan_.folder));
      for (FolderItem& item : items) items_.emplace(item.path, item);
    }
    CollectRows();
    for (auto& [path, verdicts] : rows_)
      AddNamed(path, MergedVerdict(std::move(verdicts)));
    AddWithoutRow();
    std::ranges::sort(images_, {}, [](const FoundImage& image) {
      return std::string_view(image.entry.path);
    });
    return std::move(images_);
  }

 private:
  void CollectRows() {
    for (const CsvTable::Row& row : table_.rows) {
      const std::string& cell = row.cells[plan_.image];
      RowVerdict verdict = JudgeRow(source_, plan_.columns, row);
      if (const auto path = InnerPath(cell, plan_.folder)) {
        rows_[*path].push_back(std::move(verdict));
      } else if (verdict.passes) {
        FoundImage image = NewImage(source_, cell, {});
        if (cell.empty()) image.entry.path = fmt::format("line {}", row.line);
        image.entry.left_out = cell.empty()
                                   ? "its row names no file"
                                   : "its path leads out of the images' folder";
        images_.push_back(std::move(image));
      }
    }
  }

  void AddNamed(const std::string& path, RowVerdict verdict) {
    const Path file = plan_.folder / path;
    const auto item = items_.find(path);
    std::error_code error;
    const bool there =
        item != items_.end() || std::filesystem::exists(file, error);
    if (!verdict.passes && !there) return;
    FoundImage image = NewImage(source_, path, file);
    ScanEntry& entry = image.entry;
    const std::string name = file.filename().string();
    if (!there)
      entry.left_out = fmt::format("{} names it, but there is no such file",
                                   plan_.csv.filename().string());
    else if (item != items_.end() && !item->second.problem.empty())
      entry.left_out = item->second.problem;
    else if (!verdict.left_out.empty())
      entry.left_out = std::move(verdict.left_out);
    else if (!HasImageExtension(name))
      entry.left_out = "not an image that besom reads";
    entry.label = std::move(verdict.label);
    entry.group = std::move(verdict.group);
    if (entry.left_out.empty() && source_.group_pattern != nullptr)
      entry.group = MatchGroup(source_, name).value_or("");
    images_.push_back(std::move(image));
  }

  void AddWithoutRow() {
    for (const auto& [path, item] : items_) {
      if (rows_.contains(path) || item.file == plan_.csv) continue;
      FoundImage image = NewImage(source_, path, item.file);
      if (!item.problem.empty())
        image.entry.left_out = item.problem;
      else if (!HasImageExtension(item.file.filename().string()))
        image.entry.left_out = "not an image that besom reads";
      else
        image.entry.left_out =
            fmt::format("no row of {} names it", plan_.csv.filename().string());
      images_.push_back(std::move(image));
    }
  }

  const SourceSettings& source_;
  const CsvTable& table_;
  const TablePlan plan_;
  std::map<std::string, FolderItem> items_;
  std::map<std::string, std::vector<RowVerdict>> rows_;
  std::vector<FoundImage> images_;
};

}  // namespace

Result<std::vector<FoundImage>> ScanTable(const SourceSettings& source) {
  BESOM_ASSIGN_OR_RETURN(TablePlan plan, FindTable(source));
  BESOM_ASSIGN_OR_RETURN(const CsvTable table, CsvTable::Read(plan.csv));
  BESOM_RETURN_IF_ERROR(FindColumns(source, table, plan));
  return TableScan(source, table, std::move(plan)).Run();
}

}  // namespace besom::stages
