#include "db/cell.h"

namespace besom::db {

std::string TextOf(const Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr ? *text : std::string();
}

double NumberOf(const Cell& cell) {
  if (const auto* real = std::get_if<double>(&cell)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    return static_cast<double>(*integer);
  }
  return 0;
}

std::int64_t IntegerOf(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return *integer;
  if (const auto* real = std::get_if<double>(&cell)) {
    return static_cast<std::int64_t>(*real);
  }
  return 0;
}

std::optional<double> ValueOf(const Cell& cell) {
  if (IsNull(cell)) return std::nullopt;
  return NumberOf(cell);
}

Cell CellOf(const std::optional<double>& value) {
  return value ? Cell(*value) : Cell();
}

}  // namespace besom::db
