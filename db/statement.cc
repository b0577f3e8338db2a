#include "db/statement.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "db/sqlite_error.h"

namespace besom::db {

void Statement::Finalizer::operator()(sqlite3_stmt* raw) const {
  sqlite3_finalize(raw);
}

Statement::Statement(sqlite3_stmt* raw, std::string place)
    : raw_(raw), place_(std::move(place)) {}

Status Statement::Error(int code) const {
  return SqliteError(code, sqlite3_db_handle(raw_.get()), place_);
}

int Statement::BeginBinding() {
  Reset();
  binding_error_ = SQLITE_OK;
  return 0;
}

Status Statement::EndBinding(int count) {
  if (binding_error_ != SQLITE_OK) return Error(binding_error_);
  const int wanted = sqlite3_bind_parameter_count(raw_.get());
  if (count != wanted) {
    return InvalidError(
        place_, fmt::format("the SQL has {} parameters, {} values were given",
                            wanted, count));
  }
  return Status::Ok();
}

void Statement::BindValue(int index, std::nullptr_t) {
  if (const int code = sqlite3_bind_null(raw_.get(), index)) {
    binding_error_ = code;
  }
}
void Statement::BindValue(int index, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(raw_.get(), index, value)) {
    binding_error_ = code;
  }
}
void Statement::BindValue(int index, double value) {
  if (const int code = sqlite3_bind_double(raw_.get(), index, value)) {
    binding_error_ = code;
  }
}
void Statement::BindValue(int index, std::string_view text) {
  // A null data pointer would bind NULL instead of an empty text.
  const char* data = text.data() != nullptr ? text.data() : "";
  if (const int code = sqlite3_bind_text64(raw_.get(), index, data, text.size(),
                                           SQLITE_TRANSIENT, SQLITE_UTF8)) {
    binding_error_ = code;
  }
}
void Statement::BindValue(int index, const Cell& cell) {
  std::visit(
      [&](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>,
                                     std::monostate>) {
          BindValue(index, nullptr);
        } else {
          BindValue(index, value);
        }
      },
      cell);
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(raw_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const Status error = Error(code);
  sqlite3_reset(raw_.get());
  return error;
}

Status Statement::Finish() {
  bool more = true;
  while (more) {
    BESOM_ASSIGN_OR_RETURN(more, Step());
  }
  Reset();
  return Status::Ok();
}

void Statement::Reset() {
  sqlite3_reset(raw_.get());  // Its code only repeats the last step's.
}

int Statement::column_count() const { return sqlite3_column_count(raw_.get()); }

std::string Statement::column_name(int column) const {
  const char* name = sqlite3_column_name(raw_.get(), column);
  return name != nullptr ? name : "";
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(raw_.get(), column) == SQLITE_NULL;
}
std::int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(raw_.get(), column);
}
double Statement::Real(int column) const {
  return sqlite3_column_double(raw_.get(), column);
}
std::string Statement::Text(int column) const {
  const auto* text = sqlite3_column_text(raw_.get(), column);
  if (text == nullptr) return "";
  return {reinterpret_cast<const char*>(text),
          static_cast<std::size_t>(sqlite3_column_bytes(raw_.get(), column))};
}

Cell Statement::Value(int column) const {
  switch (sqlite3_column_type(raw_.get(), column)) {
    case SQLITE_INTEGER:
      return Integer(column);
    case SQLITE_FLOAT:
      return Real(column);
    case SQLITE_NULL:
      return std::monostate{};
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const unsigned char*>(
          sqlite3_column_blob(raw_.get(), column));
      std::string hex;
      for (int i = 0; i < sqlite3_column_bytes(raw_.get(), column); ++i) {
        hex += fmt::format("{:02x}", bytes[i]);
      }
      return hex;
    }
    default:
      return Text(column);
  }
}

}  // namespace besom::db
