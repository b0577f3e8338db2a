#include "db/journal_mode.h"

#include <fmt/format.h>

#include <string>
#include <thread>

#include "db/connection.h"
#include "pipeline/base/file_system.h"

namespace besom::db {
namespace {

/// Switches, while others may have the file in use. SQLite goes from reading
/// to writing in this one statement, and does not wait there, since two that do
/// so would wait for each other: so whoever is refused begins again.
Result<std::string> Switch(Connection& connection, const std::string& wanted,
                           std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPause{5};
  const Clock::time_point end = Clock::now() + patience;
  while (true) {
    Result<std::string> set =
        connection.QueryText(fmt::format("PRAGMA journal_mode={}", wanted));
    if (set.ok() || set.status().code() != StatusCode::kIo ||
        Clock::now() + kPause > end)
      return set;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

JournalMode FittingJournal(const Path& path) {
  return IsOnNetworkFileSystem(path) ? JournalMode::kDelete : JournalMode::kWal;
}

Status SetJournalMode(Connection& connection, JournalMode wanted,
                      std::chrono::milliseconds patience) {
  BESOM_ASSIGN_OR_RETURN(const std::string now,
                         connection.QueryText("PRAGMA journal_mode"));
  const std::string name = wanted == JournalMode::kWal ? "wal" : "delete";
  if (now == name || now == "memory") return Status::Ok();
  if (wanted == JournalMode::kWal) {
    BESOM_ASSIGN_OR_RETURN(
        const std::int64_t objects,
        connection.QueryInteger("SELECT count(*) FROM sqlite_master"));
    if (objects > 0) return Status::Ok();
  }
  BESOM_ASSIGN_OR_RETURN(const std::string set,
                         Switch(connection, name, patience));
  if (set == name) return Status::Ok();
  return {StatusCode::kUnavailable, connection.place(),
          fmt::format("journal mode {} does not work here, {} does", name, set),
          "name a workspace on another file system with -w"};
}

Status LeaveLog(Connection& connection, std::chrono::milliseconds patience) {
  // The index of the log is then in this process's own memory.
  BESOM_RETURN_IF_ERROR(connection.Execute("PRAGMA locking_mode=EXCLUSIVE"));
  const Result<std::string> set = Switch(connection, "delete", patience);
  if (set.status().code() == StatusCode::kIo)
    return IoError(connection.place(),
                   "it has a write-ahead log, which is not safe on a network "
                   "file system, and another process has it open",
                   "wait until that process ends, or stop it, then run the "
                   "same command again");
  if (!set.ok()) return set.status();
  // The lock is given back by the next use of the file.
  return connection.Execute(
      "PRAGMA locking_mode=NORMAL; SELECT count(*) FROM sqlite_master;");
}

}  // namespace besom::db
