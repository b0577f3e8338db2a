#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "stages/data/csv_table.h"
#include "stages/data/scan_settings.h"

namespace besom::stages {

/// The columns of a table that say something about an image; empty = none.
struct RowColumns {
  std::optional<std::size_t> label, group;
  std::vector<std::size_t> where;  ///< Parallel to SourceSettings::where.
};

/// Finds label_column and group_column in `table`. kInvalid when they are not
/// there.
Status FindRowColumns(const SourceSettings& source, const CsvTable& table,
                      RowColumns& columns);

/// What the rows of one image say.
struct RowVerdict {
  int line = 0;
  std::string label, group, left_out;
  bool passes = false;  ///< `where`
};

/// What one row says of its image; the label is the source's where no column
/// tells it.
RowVerdict JudgeRow(const SourceSettings& source, const RowColumns& columns,
                    const CsvTable::Row& row);

/// The one verdict of several rows about an image: rows that `where` leaves
/// out do not count when another passes; those that pass must agree.
/// REQUIRES: there is one.
RowVerdict MergedVerdict(std::vector<RowVerdict> verdicts);

}  // namespace besom::stages
