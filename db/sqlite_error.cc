#include "db/sqlite_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <string>

namespace besom::db {
namespace {

struct Meaning {
  StatusCode code;
  const char* cure;
};

Meaning MeaningOf(int primary) {
  switch (primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {StatusCode::kIo,
              "another process is writing: wait for it or stop it, then run "
              "the same command again"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {StatusCode::kUnavailable,
              "make the file and its folder writable for you, or name another "
              "workspace with -w"};
    case SQLITE_FULL:
      return {StatusCode::kIo,
              "free some disk space, then run the same command: it goes on "
              "from the last commit"};
    case SQLITE_IOERR:
      return {StatusCode::kIo,
              "the disk or the network file system failed: see whether it is "
              "reachable, then run the same command"};
    case SQLITE_CANTOPEN:
      return {StatusCode::kIo,
              "look at the path and its permissions; reading needs to write "
              "besom.db-wal and besom.db-shm beside the file while a run "
              "writes"};
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return {StatusCode::kCorrupt,
              "this is not an intact besom database: restore a copy, or move "
              "the file away and run again (finished tasks are in store/)"};
    case SQLITE_PROTOCOL:
      return {StatusCode::kIo,
              "the file system has no working locks: use journal mode DELETE "
              "or a local disk"};
    case SQLITE_INTERRUPT:
      return {StatusCode::kInterrupted, "run the same command again"};
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
      return {StatusCode::kInvalid, ""};
    case SQLITE_NOMEM:
      return {StatusCode::kUnavailable, "free some memory"};
    default:
      return {StatusCode::kInternal, ""};
  }
}

}  // namespace

Status SqliteError(int code, sqlite3* handle, std::string_view place) {
  const int primary = code & 0xff;
  const Meaning meaning = MeaningOf(primary);
  std::string cause =
      handle != nullptr && (sqlite3_errcode(handle) & 0xff) == primary
          ? sqlite3_errmsg(handle)
          : sqlite3_errstr(code);
  if (meaning.code == StatusCode::kInternal) {
    return InternalError(std::string(place),
                         fmt::format("SQLite error {}: {}", code, cause));
  }
  return {meaning.code, std::string(place), std::move(cause), meaning.cure};
}

}  // namespace besom::db
