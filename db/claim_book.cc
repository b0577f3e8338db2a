#include "db/claim_book.h"

#include <utility>

#include "db/connection.h"
#include "db/run_fence.h"
#include "db/schema.h"
#include "db/transaction.h"

namespace besom::db {
namespace {

constexpr auto kImmediate = Transaction::Kind::kImmediate;

/// Answers for one key, in the caller's transaction.
Result<ClaimAnswer> ClaimKey(Connection& connection, std::string_view run,
                             const std::string& key, double time) {
  {
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement done,
        connection.Kept("SELECT 1 FROM action WHERE key = ?"));
    BESOM_RETURN_IF_ERROR(done->Bind(key));
    BESOM_ASSIGN_OR_RETURN(const bool found, done->Step());
    if (found) return ClaimAnswer{ClaimState::kDone, ""};
  }
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement holder,
      connection.Kept("SELECT run FROM claim WHERE key = ?"));
  BESOM_RETURN_IF_ERROR(holder->Bind(key));
  BESOM_ASSIGN_OR_RETURN(const bool held, holder->Step());
  if (held) {
    std::string name = holder->Text(0);
    if (name == run) return ClaimAnswer{ClaimState::kMine, ""};
    return ClaimAnswer{ClaimState::kHeld, std::move(name)};
  }
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement claim,
      connection.Kept("INSERT INTO claim(key, run, time) VALUES(?, ?, ?)"));
  BESOM_RETURN_IF_ERROR(claim->Run(key, run, time));
  return ClaimAnswer{ClaimState::kMine, ""};
}

}  // namespace

ClaimBook::ClaimBook(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
ClaimBook::~ClaimBook() = default;

void ClaimBook::WaitWhileBusy(std::function<bool(double waited)> keep_waiting) {
  connection_->WaitWhileBusy(std::move(keep_waiting));
}

Result<std::unique_ptr<ClaimBook>> ClaimBook::Open(
    const Path& path, std::chrono::milliseconds busy_timeout) {
  BESOM_ASSIGN_OR_RETURN(Connection connection, OpenMade(path, busy_timeout));
  BESOM_RETURN_IF_ERROR(connection.WriteUnsynced());
  return std::unique_ptr<ClaimBook>(
      new ClaimBook(std::make_unique<Connection>(std::move(connection))));
}

Result<std::vector<ClaimAnswer>> ClaimBook::Claim(
    std::string_view run, const std::vector<std::string>& keys, double time) {
  std::vector<ClaimAnswer> answers;
  if (keys.empty()) return answers;
  answers.reserve(keys.size());
  BESOM_ASSIGN_OR_RETURN(Transaction transaction,
                         BeginWritingAs(*connection_, run));
  for (const std::string& key : keys) {
    BESOM_ASSIGN_OR_RETURN(ClaimAnswer answer,
                           ClaimKey(*connection_, run, key, time));
    answers.push_back(std::move(answer));
  }
  BESOM_RETURN_IF_ERROR(transaction.Commit());
  return answers;
}

Status ClaimBook::Release(std::string_view run,
                          const std::vector<std::string>& keys) {
  if (keys.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(Transaction transaction,
                         Transaction::Begin(*connection_, kImmediate));
  for (const std::string& key : keys) {
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement release,
        connection_->Kept("DELETE FROM claim WHERE key = ? AND run = ?"));
    BESOM_RETURN_IF_ERROR(release->Run(key, run));
  }
  return transaction.Commit();
}

Status ClaimBook::ReleaseAll(std::string_view run) {
  return TakeOver(run).status();
}

Result<std::int64_t> ClaimBook::TakeOver(std::string_view dead_run) {
  BESOM_ASSIGN_OR_RETURN(Transaction transaction,
                         Transaction::Begin(*connection_, kImmediate));
  {
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement forget,
        connection_->Kept("DELETE FROM claim WHERE run = ?"));
    BESOM_RETURN_IF_ERROR(forget->Run(dead_run));
  }
  BESOM_ASSIGN_OR_RETURN(const std::int64_t count,
                         connection_->QueryInteger("SELECT changes()"));
  BESOM_RETURN_IF_ERROR(transaction.Commit());
  return count;
}

Result<std::vector<std::string>> ClaimBook::Holders() {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection_->Kept("SELECT DISTINCT run FROM claim ORDER BY run"));
  BESOM_RETURN_IF_ERROR(rows->Bind());
  std::vector<std::string> holders;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, rows->Step());
    if (!more) return holders;
    holders.push_back(rows->Text(0));
  }
}

}  // namespace besom::db
