#pragma once

#include "db/connection.h"
#include "pipeline/base/result.h"

namespace besom::db {

/// A transaction that is rolled back unless Commit() returned OK.
/// Thread safety: its Connection's thread, which must outlive it.
class Transaction {
 public:
  /// kImmediate takes the write lock at once, so that nothing read inside can
  /// change before it is written; kRead is one snapshot for several queries.
  enum class Kind { kRead, kImmediate };

  static Result<Transaction> Begin(Connection& connection, Kind kind);
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;

  /// REQUIRES: not committed yet. After an error everything is undone.
  Status Commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;  ///< Null once it is over.
};

}  // namespace besom::db
