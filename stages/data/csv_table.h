#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// A CSV file with a header line (RFC 4180): comma, double quotes, LF or CRLF,
/// an optional byte order mark; blank lines are skipped. Spaces around cells
/// without quotes are dropped. A row may be shorter than the header (its last
/// cells are empty), not longer.
struct CsvTable {
  struct Row {
    int line = 0;  ///< Of the file, from 1, where its first cell ends.
    std::vector<std::string> cells;  ///< As many as there are columns.
  };
  Path file;
  std::vector<std::string> columns;
  std::vector<Row> rows;

  /// Reads `file`. kInvalid with "FILE:LINE" when it does not exist or is not
  /// such a table.
  static Result<CsvTable> Read(const Path& file);

  /// Index of the column called `name`. kInvalid, with `place` in front and
  /// the columns there are, when there is none or more than one.
  Result<std::size_t> Column(std::string_view name,
                             std::string_view place) const;
};

}  // namespace besom::stages
