#include "db/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "db/journal_mode.h"
#include "db/sqlite_error.h"
#include "pipeline/base/file_system.h"

namespace besom::db {
namespace {

/// Touches the file, so that what is wrong with it shows when it is opened.
constexpr char kFirstRead[] = "SELECT count(*) FROM sqlite_master";

/// A path as SQLite's URI form wants it: every byte that could end or change
/// the path (`%`, `?`, `#`) written as %XX.
std::string UriOf(const Path& path, std::string_view query) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      uri += c;
    }
  }
  return uri + std::string(query);
}

/// Pragmas that only tell something, whatever their argument.
bool IsTellingPragma(const char* name) {
  constexpr std::array kTelling = {
      "table_info",     "table_xinfo",   "table_list",       "index_list",
      "index_info",     "index_xinfo",   "foreign_key_list", "database_list",
      "collation_list", "function_list", "compile_options"};
  for (const char* telling : kTelling) {
    if (sqlite3_stricmp(telling, name) == 0) return true;
  }
  return false;
}

int AllowReadingOnly(void*, int action, const char* first, const char* second,
                     const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      return second == nullptr || IsTellingPragma(first) ? SQLITE_OK
                                                         : SQLITE_DENY;
    case SQLITE_UPDATE:
      // Asked when a table-valued function is used first; a real update of
      // the schema table is refused by SQLite itself.
      return sqlite3_stricmp(first, "sqlite_master") == 0 ? SQLITE_OK
                                                          : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n;") == std::string_view::npos;
}

}  // namespace

struct Connection::BusyWait {
  /// What SQLite calls; `again` counts from 0 in each wait. 0 = give up.
  static int Call(void* self, int again) {
    constexpr int kLongestPause = 50;  // Milliseconds.
    auto& wait = *static_cast<BusyWait*>(self);
    const auto now = std::chrono::steady_clock::now();
    if (again == 0) wait.since = now;
    const std::chrono::duration<double> waited = now - wait.since;
    if (!wait.keep_waiting(waited.count())) return 0;
    sqlite3_sleep(std::min(1 + 2 * again, kLongestPause));
    return 1;
  }

  KeepWaiting keep_waiting;
  std::chrono::steady_clock::time_point since;
};

void Connection::BusyWaitDeleter::operator()(BusyWait* wait) const {
  delete wait;
}

void Connection::WaitWhileBusy(KeepWaiting keep_waiting) {
  busy_wait_.reset(new BusyWait{std::move(keep_waiting), {}});
  sqlite3_busy_handler(handle_.get(), &BusyWait::Call, busy_wait_.get());
}

void Connection::Closer::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Connection::Connection(sqlite3* handle, std::string place)
    : handle_(handle), place_(std::move(place)) {}

Result<Connection> Connection::Open(const std::string& uri, const Path& path,
                                    int flags,
                                    std::chrono::milliseconds timeout) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(uri.c_str(), &raw,
                      flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(raw, path.string());  // Owns `raw` on failure, too.
  if (code != SQLITE_OK) return SqliteError(code, raw, path.string());
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, static_cast<int>(timeout.count()));
  return connection;
}

Result<Connection> Connection::OpenWritable(const Path& path,
                                            std::chrono::milliseconds timeout) {
  BESOM_ASSIGN_OR_RETURN(
      Connection connection,
      Open(path == ":memory:" ? path.string() : UriOf(path, ""), path,
           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, timeout));
  // Before anything else, which would open the log.
  BESOM_ASSIGN_OR_RETURN(const bool log, connection.UsesLog());
  if (log && IsOnNetworkFileSystem(path))
    BESOM_RETURN_IF_ERROR(LeaveLog(connection, timeout));
  BESOM_RETURN_IF_ERROR(
      connection.Execute("PRAGMA synchronous=EXTRA; PRAGMA foreign_keys=ON;"));
  return connection;
}

Result<Connection> Connection::OpenFrozen(const Path& path,
                                          std::chrono::milliseconds timeout) {
  return Open(UriOf(path, "?immutable=1"), path, SQLITE_OPEN_READONLY, timeout);
}

/// Opens in the way that the journal mode of the file allows.
Result<Connection> Connection::OpenToRead(const Path& path,
                                          std::chrono::milliseconds timeout) {
  BESOM_ASSIGN_OR_RETURN(
      Connection connection,
      Open(UriOf(path, ""), path, SQLITE_OPEN_READONLY, timeout));
  BESOM_ASSIGN_OR_RETURN(const bool log, connection.UsesLog());
  if (!log) return connection;
  const Path file = path.string() + "-wal";
  const bool no_log_file = ::access(file.c_str(), F_OK) != 0;
  if (IsOnNetworkFileSystem(path)) {
    const auto left = OpenWritable(path, timeout);
    if (left.ok()) return connection;
    if (left.status().code() != StatusCode::kUnavailable || !no_log_file)
      return left.status();
    return OpenFrozen(path, timeout);
  }
  const bool may_make_log =
      ::access(path.parent_path().empty() ? "." : path.parent_path().c_str(),
               W_OK) == 0;
  if (may_make_log || !no_log_file) return connection;
  return OpenFrozen(path, timeout);
}

Result<Connection> Connection::OpenReadOnly(const Path& path,
                                            std::chrono::milliseconds timeout) {
  const auto stat = StatFile(path);
  if (!stat.ok()) return stat.status();
  BESOM_ASSIGN_OR_RETURN(Connection connection, OpenToRead(path, timeout));
  Status readable = connection.Execute(kFirstRead);
  if (readable.code() == StatusCode::kUnavailable) {
    // A writer was killed within a commit: undoing it needs write access.
    BESOM_ASSIGN_OR_RETURN(
        Connection repairing,
        Open(UriOf(path, ""), path, SQLITE_OPEN_READWRITE, timeout));
    BESOM_RETURN_IF_ERROR(repairing.Execute(kFirstRead));
    readable = connection.Execute(kFirstRead);
  }
  BESOM_RETURN_IF_ERROR(readable);
  BESOM_RETURN_IF_ERROR(connection.Execute("PRAGMA query_only=ON;"));
  return connection;
}

Result<bool> Connection::UsesLog() {
  // The file format's "write version", which is 2 with a log.
  constexpr sqlite3_int64 kVersionOffset = 18;
  sqlite3_file* file = nullptr;
  const int code = sqlite3_file_control(handle_.get(), "main",
                                        SQLITE_FCNTL_FILE_POINTER, &file);
  if (code != SQLITE_OK) return SqliteError(code, handle_.get(), place_);
  if (file == nullptr || file->pMethods == nullptr) return false;
  unsigned char version = 0;
  const int read = file->pMethods->xRead(file, &version, 1, kVersionOffset);
  if (read == SQLITE_IOERR_SHORT_READ) return false;  // Nothing is in it yet.
  if (read != SQLITE_OK) return SqliteError(read, nullptr, place_);
  return version == 2;
}

Result<Connection> Connection::Copy() const {
  BESOM_ASSIGN_OR_RETURN(
      Connection copy,
      Open("", place_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
           std::chrono::milliseconds(0)));
  // Beyond that it goes to the nameless file.
  BESOM_RETURN_IF_ERROR(copy.Execute("PRAGMA cache_size=-65536"));
  sqlite3_backup* const copying =
      sqlite3_backup_init(copy.handle_.get(), "main", handle_.get(), "main");
  if (copying == nullptr)
    return SqliteError(sqlite3_errcode(copy.handle_.get()), copy.handle_.get(),
                       place_);
  sqlite3_backup_step(copying, -1);
  const int code = sqlite3_backup_finish(copying);
  if (code == SQLITE_OK) return copy;
  const Status error = SqliteError(code, copy.handle_.get(), place_);
  return Status(error.code(), error.place(),
                fmt::format("cannot be copied for reading: {}", error.cause()),
                code == SQLITE_FULL
                    ? "free some space in $TMPDIR, or name another one"
                    : error.cure());
}

Status Connection::WriteUnsynced() {
  BESOM_ASSIGN_OR_RETURN(const bool log, UsesLog());
  if (!log) return Execute("PRAGMA synchronous=FULL;");
  // NORMAL, not OFF: OFF would also leave out the sync of a log's new header.
  BESOM_RETURN_IF_ERROR(
      Execute("PRAGMA synchronous=NORMAL;"
              "PRAGMA wal_autocheckpoint=0;"));
  const int code = sqlite3_db_config(
      handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (code == SQLITE_OK) return Status::Ok();
  return SqliteError(code, handle_.get(), place_);
}

Status Connection::Execute(std::string_view sql) {
  const int code = sqlite3_exec(handle_.get(), std::string(sql).c_str(),
                                nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return Status::Ok();
  return SqliteError(code, handle_.get(), place_);
}

Result<Statement> Connection::Prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v2(
      handle_.get(), sql.data(), static_cast<int>(sql.size()), &raw, &tail);
  if (code != SQLITE_OK) return SqliteError(code, handle_.get(), place_);
  if (raw == nullptr) return InvalidError(place_, "there is no SQL statement");
  Statement statement(raw, place_);
  const auto used = static_cast<std::size_t>(tail - sql.data());
  if (!IsBlank(sql.substr(used))) {
    // What follows may be a comment only: then it compiles to nothing.
    sqlite3_stmt* second = nullptr;
    sqlite3_prepare_v2(handle_.get(), tail, static_cast<int>(sql.size() - used),
                       &second, nullptr);
    const bool more = second != nullptr;
    const bool broken = sqlite3_errcode(handle_.get()) != SQLITE_OK;
    sqlite3_finalize(second);
    if (more || broken) {
      return InvalidError(place_, "more than one SQL statement",
                          "ask one statement at a time");
    }
  }
  return statement;
}

Result<KeptStatement> Connection::Kept(std::string_view sql) {
  auto found = kept_.find(sql);
  if (found == kept_.end()) {
    BESOM_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    found = kept_
                .emplace(std::string(sql),
                         std::make_unique<Statement>(std::move(statement)))
                .first;
  }
  return KeptStatement(*found->second);
}

Result<std::int64_t> Connection::QueryInteger(std::string_view sql) {
  BESOM_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  BESOM_ASSIGN_OR_RETURN(const bool row, statement.Step());
  BESOM_CHECK(row, sql);
  return statement.Integer(0);
}

Result<std::string> Connection::QueryText(std::string_view sql) {
  BESOM_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  BESOM_ASSIGN_OR_RETURN(const bool row, statement.Step());
  BESOM_CHECK(row, sql);
  return statement.Text(0);
}

void Connection::RefuseAllButReading() {
  sqlite3_set_authorizer(handle_.get(), AllowReadingOnly, nullptr);
}

std::int64_t Connection::last_insert_id() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

}  // namespace besom::db
