#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "db/statement.h"
#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

struct sqlite3;

namespace besom::db {

/// An open database file.
/// Thread safety: one thread at a time.
class Connection {
 public:
  /// Opens for writing; makes an empty file where there is none. Sets
  /// synchronous=EXTRA (of a rollback journal's end, too, the folder is synced)
  /// and foreign keys. On a network file system a write-ahead log is left
  /// first, as LeaveLog does.
  static Result<Connection> OpenWritable(
      const Path& path, std::chrono::milliseconds busy_timeout);

  /// Opens for reading, next to a writer or not. kNotFound when there is no
  /// file. Where a database of journal mode WAL has no log and the folder
  /// cannot be written, the file is taken as it stands (nobody can be writing
  /// it from here). On a network file system a log is left first, as LeaveLog
  /// does: its readers, too, need memory that they share.
  static Result<Connection> OpenReadOnly(
      const Path& path, std::chrono::milliseconds busy_timeout);

  /// Whether the file, as it is now, is of journal mode WAL. Takes no lock and
  /// opens no log.
  Result<bool> UsesLog();

  /// A copy of the database as it stands, for this process alone: in memory,
  /// or where it is large in a nameless file under $TMPDIR. The database is
  /// locked for reading as long as the copying lasts.
  Result<Connection> Copy() const;

  /// With a write-ahead log: from now on commits are not synced to disk (they
  /// survive the end of the process, not a power cut), and checkpoints are left
  /// to other connections, so that theirs stay as safe as before. With a
  /// rollback journal all syncs are needed, but for the last one of the folder.
  Status WriteUnsynced();

  /// Asked again and again while another process's transaction is in the way,
  /// with the seconds that were waited, 0 at first; false: the call fails.
  using KeepWaiting = std::function<bool(double waited)>;
  /// From now on `keep_waiting` decides instead of the time-out.
  void WaitWhileBusy(KeepWaiting keep_waiting);

  /// Runs SQL text of ours: one or several statements without results.
  Status Execute(std::string_view sql);
  /// Compiles the first statement of `sql`. kInvalid, with SQLite's words, for
  /// bad SQL, for no statement and for more than one.
  Result<Statement> Prepare(std::string_view sql);
  /// As Prepare, compiled once in the life of the connection: for fixed text of
  /// ours. One user of a text at a time.
  Result<KeptStatement> Kept(std::string_view sql);
  /// The first column of the only row of `sql`; for pragmas and counts.
  Result<std::int64_t> QueryInteger(std::string_view sql);
  Result<std::string> QueryText(std::string_view sql);

  /// From now on refuses whatever is not plain reading: writes, ATTACH, VACUUM
  /// (also INTO a file), and pragmas that set something.
  void RefuseAllButReading();

  std::int64_t last_insert_id() const;
  const std::string& place() const { return place_; }

 private:
  struct Closer {
    void operator()(sqlite3* handle) const;
  };
  Connection(sqlite3* handle, std::string place);
  static Result<Connection> Open(const std::string& uri, const Path& path,
                                 int flags, std::chrono::milliseconds timeout);
  static Result<Connection> OpenFrozen(const Path& path,
                                       std::chrono::milliseconds timeout);
  static Result<Connection> OpenToRead(const Path& path,
                                       std::chrono::milliseconds timeout);

  struct BusyWait;
  struct BusyWaitDeleter {
    void operator()(BusyWait* wait) const;
  };

  std::unique_ptr<BusyWait, BusyWaitDeleter> busy_wait_;  // Outlives handle_.
  std::unique_ptr<sqlite3, Closer> handle_;
  std::string place_;
  /// By SQL text; finalized before the handle is closed.
  std::map<std::string, std::unique_ptr<Statement>, std::less<>> kept_;
};

}  // namespace besom::db
