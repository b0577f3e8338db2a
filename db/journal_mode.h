#pragma once

#include <chrono>

#include "pipeline/base/files.h"
#include "pipeline/base/status.h"

namespace besom::db {

class Connection;

/// How a database undoes what was not committed. WAL lets readers go on while
/// the one writer commits; its index is memory that all processes share, so
/// they must be on one machine. kDelete, a rollback journal, is safe anywhere;
/// readers then copy the file first (Reader), since a reader that lasts keeps
/// the writer out.
enum class JournalMode { kWal, kDelete };

/// What a new database at `path` gets: kDelete on a network file system, where
/// other machines may open it.
JournalMode FittingJournal(const Path& path);

/// Gives an empty database the journal mode `wanted`, in at most `patience`
/// while others open it too. One that holds something and has a rollback
/// journal keeps it: another machine may see the same folder through a network,
/// and its connections would go on without shared memory.
Status SetJournalMode(Connection& connection, JournalMode wanted,
                      std::chrono::milliseconds patience);

/// Takes a write-ahead log into the database and turns to a rollback journal,
/// without shared memory, so that it can be done over a network. kIo when
/// another process has the database open for longer than `patience`.
Status LeaveLog(Connection& connection, std::chrono::milliseconds patience);

}  // namespace besom::db
