#include "db/run_fence.h"

#include <fmt/format.h>

#include <utility>

namespace besom::db {

Result<Transaction> BeginWritingAs(Connection& connection,
                                   std::string_view run) {
  BESOM_ASSIGN_OR_RETURN(
      Transaction transaction,
      Transaction::Begin(connection, Transaction::Kind::kImmediate));
  if (run.empty()) return transaction;
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement lost,
      connection.Kept(
          "SELECT 1 FROM run WHERE run = ? AND outcome IS NOT NULL"));
  BESOM_RETURN_IF_ERROR(lost->Bind(run));
  BESOM_ASSIGN_OR_RETURN(const bool is_lost, lost->Step());
  if (!is_lost) return transaction;
  return Status(StatusCode::kInterrupted, fmt::format("run {}", run),
                "another run has taken its sweep over and goes on with it; "
                "what this one had finished is kept",
                "look at the view `events` for who and why");
}

}  // namespace besom::db
