#include "db/transaction.h"

#include <utility>

#include "pipeline/base/check.h"
#include "pipeline/base/log.h"

namespace besom::db {

Result<Transaction> Transaction::Begin(Connection& connection, Kind kind) {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement begin,
      connection.Kept(kind == Kind::kImmediate ? "BEGIN IMMEDIATE" : "BEGIN"));
  BESOM_RETURN_IF_ERROR(begin->Run());
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
  BESOM_ASSIGN_OR_RETURN(KeptStatement commit, connection_->Kept("COMMIT"));
  BESOM_RETURN_IF_ERROR(commit->Run());
  connection_ = nullptr;
  return Status::Ok();
}

}  // namespace besom::db
