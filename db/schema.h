#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "db/connection.h"
#include "pipeline/base/result.h"

namespace besom::db {

/// One version of the base tables after another: element i turns schema i
/// into i + 1. Never change one that has been released: add the next.
const std::vector<std::string_view>& TableMigrations();

/// Makes all views. They hold no data, so each migration drops and makes them.
const std::vector<std::string_view>& ViewDefinitions();

/// The schema that this program writes: `PRAGMA user_version`.
int SchemaVersion();

/// OK for an empty file and for one of this or an older schema; else as
/// MigrateToCurrent. Changes nothing.
Status CheckMigratable(Connection& connection);

/// Brings the database to SchemaVersion() in one transaction, however many
/// processes try at once. kUnavailable for a newer schema, kCorrupt for a
/// database that is not besom's; both are left as they are.
Status MigrateToCurrent(Connection& connection);

/// As MigrateToCurrent with the steps and views given: its size is the version.
Status Migrate(Connection& connection,
               const std::vector<std::string_view>& steps,
               const std::vector<std::string_view>& views);

/// OK when a reader of this program understands the database; kNotFound when
/// nothing was ever written to it, kUnavailable for an older or newer schema.
Status CheckReadable(Connection& connection);

/// Opens for writing a database that ResultsStore::Open has made or migrated;
/// else as CheckReadable. Makes none.
Result<Connection> OpenMade(const Path& path,
                            std::chrono::milliseconds busy_timeout);

}  // namespace besom::db
