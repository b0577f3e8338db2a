#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace besom::db {

/// One value of a row: NULL, integer, real or text. A blob is read as text of
/// hexadecimal digits.
using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;

/// The answer to a query.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
};

inline bool IsNull(const Cell& cell) { return cell.index() == 0; }
/// The text of a text cell; "" for anything else.
std::string TextOf(const Cell& cell);
/// The number of an integer or real cell; 0 for anything else.
double NumberOf(const Cell& cell);
/// The integer of an integer cell (a real is cut); 0 for anything else.
std::int64_t IntegerOf(const Cell& cell);
/// The number of a cell; none of NULL.
std::optional<double> ValueOf(const Cell& cell);
/// The other way round: NULL for none.
Cell CellOf(const std::optional<double>& value);

}  // namespace besom::db
