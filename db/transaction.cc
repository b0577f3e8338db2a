#include "db/transaction.h"

#include <utility>

#include "pipeline/base/check.h"
#include "pipeline/base/log.h"

namespace besom::db {

Result<Transaction> Transaction::Begin(Connection& connection, Kind kind) {
  BESOM_RETURN_IF_ERROR(connection.Execute(
      kind == Kind::kImmediate ? "BEGIN IMMEDIATE" : "BEGIN"));
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  if (connection_ == nullptr) return;
  // SQLite itself has rolled back after some errors; then this one is refused.
  if (const Status status = connection_->Execute("ROLLBACK"); !status.ok()) {
    Log(LogLevel::kDebug, status.ToString());
  }
}

Status Transaction::Commit() {
  BESOM_CHECK(connection_ != nullptr, "the transaction is over");
  BESOM_RETURN_IF_ERROR(connection_->Execute("COMMIT"));
  connection_ = nullptr;
  return Status::Ok();
}

}  // namespace besom::db
