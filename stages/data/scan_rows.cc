#include "stages/data/scan_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace besom::stages {

Status FindRowColumns(const SourceSettings& source, const CsvTable& table,
                      RowColumns& columns) {
  if (!source.label_column.empty()) {
    BESOM_ASSIGN_OR_RETURN(
        columns.label,
        table.Column(source.label_column, source.place + ".label_column"));
  }
  if (!source.group_column.empty()) {
    BESOM_ASSIGN_OR_RETURN(
        columns.group,
        table.Column(source.group_column, source.place + ".group_column"));
  }
  return Status::Ok();
}

RowVerdict JudgeRow(const SourceSettings& source, const RowColumns& columns,
                    const CsvTable::Row& row) {
  RowVerdict verdict;
  verdict.line = row.line;
  for (std::size_t i = 0; i < columns.where.size(); ++i) {
    const auto& [column, patterns] = source.where[i];
    const std::string& cell = row.cells[columns.where[i]];
    if (std::ranges::none_of(patterns, [&](const std::string& pattern) {
          return MatchesWildcard(pattern, cell);
        })) {
      verdict.left_out = fmt::format("`where` leaves it out: {} is '{}'",
                                     column, EscapedUtf8(cell));
      return verdict;
    }
  }
  verdict.passes = true;
  if (columns.label.has_value()) {
    LabelVerdict label = LabelOf(source, row.cells[*columns.label]);
    verdict.label = std::move(label.label);
    verdict.left_out = std::move(label.left_out);
  } else {
    verdict.label = source.label;
  }
  if (columns.group.has_value())
    verdict.group = EscapedUtf8(row.cells[*columns.group]);
  return verdict;
}

RowVerdict MergedVerdict(std::vector<RowVerdict> verdicts) {
  std::stable_partition(verdicts.begin(), verdicts.end(),
                        std::mem_fn(&RowVerdict::passes));
  RowVerdict& first = verdicts.front();
  for (const RowVerdict& other : verdicts) {
    if (!other.passes) break;
    if (other.label == first.label && other.group == first.group) continue;
    const bool labels = other.label != first.label;
    first.left_out = fmt::format(
        "lines {} and {} of the CSV file disagree on its {}: '{}' and '{}'",
        first.line, other.line, labels ? "label" : "group",
        labels ? first.label : first.group, labels ? other.label : other.group);
    first.label.clear();
    break;
  }
  return std::move(first);
}

}  // namespace besom::stages
