#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "db/cell.h"
#include "pipeline/base/result.h"

struct sqlite3_stmt;

namespace besom::db {

/// A compiled SQL statement. Parameters (`?1` or `?`) are bound, never pasted
/// into the text. Must not outlive its Connection's thread rule: one thread.
class Statement {
 public:
  /// Takes over `raw`; `place` stands before its errors.
  Statement(sqlite3_stmt* raw, std::string place);

  /// Starts over and binds `values` to parameters 1, 2, ... Texts are copied.
  template <typename... Values>
  Status Bind(const Values&... values) {
    int index = BeginBinding();
    (BindValue(++index, values), ...);
    return EndBinding(index);
  }
  /// Binds, then runs to the end; for statements without rows.
  template <typename... Values>
  Status Run(const Values&... values) {
    BESOM_RETURN_IF_ERROR(Bind(values...));
    return Finish();
  }

  /// Goes to the next row; false at the end.
  Result<bool> Step();
  /// Ends the statement, so that it holds no lock until it is used again.
  void Reset();

  // Of the current row; columns count from 0.
  int column_count() const;
  std::string column_name(int column) const;
  bool IsNull(int column) const;
  std::int64_t Integer(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;
  Cell Value(int column) const;

  void BindValue(int index, std::nullptr_t);
  void BindValue(int index, std::int64_t value);
  void BindValue(int index, int value) {
    BindValue(index, static_cast<std::int64_t>(value));
  }
  void BindValue(int index, bool value) {
    BindValue(index, static_cast<std::int64_t>(value));
  }
  void BindValue(int index, double value);
  void BindValue(int index, std::string_view text);
  void BindValue(int index, const std::string& text) {
    BindValue(index, std::string_view(text));
  }
  void BindValue(int index, const char* text) {
    BindValue(index, std::string_view(text));
  }
  void BindValue(int index, const Cell& cell);
  template <typename T>
  void BindValue(int index, const std::optional<T>& value) {
    value ? BindValue(index, *value) : BindValue(index, nullptr);
  }
  // Anything else would be converted silently.
  template <typename T>
  void BindValue(int index, T value) = delete;

  /// Resets the statement; call before BindValue, then EndBinding with the
  /// number of values bound.
  int BeginBinding();
  Status EndBinding(int count);

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* raw) const;
  };
  Status Finish();
  Status Error(int code) const;

  std::unique_ptr<sqlite3_stmt, Finalizer> raw_;
  std::string place_;
  int binding_error_ = 0;
};

/// A statement that its connection keeps compiled. Ended, not finalized, when
/// this object dies, which must be before a transaction around it is committed.
class KeptStatement {
 public:
  explicit KeptStatement(Statement& statement) : statement_(&statement) {}
  ~KeptStatement() {
    if (statement_ != nullptr) statement_->Reset();
  }
  KeptStatement(KeptStatement&& other) noexcept
      : statement_(std::exchange(other.statement_, nullptr)) {}
  KeptStatement& operator=(KeptStatement&&) = delete;

  Statement* operator->() const { return statement_; }

 private:
  Statement* statement_;
};

/// NULL for "", else the text; for columns where "" means absent.
inline std::optional<std::string_view> NullIfEmpty(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace besom::db
