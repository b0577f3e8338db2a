#include "db/schema.h"

#include <fmt/format.h>

#include <string>

#include "db/transaction.h"

namespace besom::db {
namespace {

/// "Besm" as PRAGMA application_id: tells besom's files from others.
constexpr std::int64_t kApplicationId = 0x4265736d;

Status NewerSchemaError(const std::string& place, std::int64_t found,
                        std::size_t known) {
  return {StatusCode::kUnavailable, place,
          fmt::format("written by a newer besom (schema {}, this one knows {})",
                      found, known),
          "use the newer besom, or another workspace with -w"};
}

/// The schema version, or why it is no database of ours. 0 = nothing yet.
Result<std::int64_t> FindVersion(Connection& connection) {
  BESOM_ASSIGN_OR_RETURN(const auto version,
                         connection.QueryInteger("PRAGMA user_version"));
  BESOM_ASSIGN_OR_RETURN(const auto application,
                         connection.QueryInteger("PRAGMA application_id"));
  BESOM_ASSIGN_OR_RETURN(
      const auto objects,
      connection.QueryInteger("SELECT count(*) FROM sqlite_master"));
  const bool fresh = version == 0 && application == 0 && objects == 0;
  if (!fresh && application != kApplicationId) {
    return CorruptError(connection.place(), "this database is not besom's",
                        "name another workspace with -w");
  }
  return version;
}

Status DropViews(Connection& connection) {
  std::vector<std::string> names;
  {
    BESOM_ASSIGN_OR_RETURN(
        Statement views,
        connection.Prepare("SELECT name FROM sqlite_master WHERE type='view'"));
    while (true) {
      BESOM_ASSIGN_OR_RETURN(const bool row, views.Step());
      if (!row) break;
      names.push_back(views.Text(0));
    }
  }
  for (const std::string& name : names) {
    BESOM_RETURN_IF_ERROR(
        connection.Execute(fmt::format("DROP VIEW \"{}\"", name)));
  }
  return Status::Ok();
}

}  // namespace

int SchemaVersion() { return static_cast<int>(TableMigrations().size()); }

Status Migrate(Connection& connection,
               const std::vector<std::string_view>& steps,
               const std::vector<std::string_view>& views) {
  const auto wanted = static_cast<std::int64_t>(steps.size());
  BESOM_ASSIGN_OR_RETURN(const auto before, FindVersion(connection));
  if (before == wanted) return Status::Ok();
  if (before > wanted) {
    return NewerSchemaError(connection.place(), before, steps.size());
  }
  BESOM_ASSIGN_OR_RETURN(
      Transaction transaction,
      Transaction::Begin(connection, Transaction::Kind::kImmediate));
  // Another process may have migrated while this one waited for the lock.
  BESOM_ASSIGN_OR_RETURN(const auto found, FindVersion(connection));
  if (found > wanted) {
    return NewerSchemaError(connection.place(), found, steps.size());
  }
  if (found == wanted) return Status::Ok();
  BESOM_RETURN_IF_ERROR(DropViews(connection));
  for (auto step = found; step < wanted; ++step) {
    BESOM_RETURN_IF_ERROR(
        connection.Execute(steps[static_cast<std::size_t>(step)]));
  }
  for (const std::string_view view : views) {
    BESOM_RETURN_IF_ERROR(connection.Execute(view));
  }
  BESOM_RETURN_IF_ERROR(connection.Execute(
      fmt::format("PRAGMA application_id={}; PRAGMA user_version={}",
                  kApplicationId, wanted)));
  return transaction.Commit();
}

Status CheckMigratable(Connection& connection) {
  BESOM_ASSIGN_OR_RETURN(const auto found, FindVersion(connection));
  if (found <= SchemaVersion()) return Status::Ok();
  return NewerSchemaError(connection.place(), found, TableMigrations().size());
}

Status MigrateToCurrent(Connection& connection) {
  return Migrate(connection, TableMigrations(), ViewDefinitions());
}

Status CheckReadable(Connection& connection) {
  BESOM_ASSIGN_OR_RETURN(const auto found, FindVersion(connection));
  if (found == SchemaVersion()) return Status::Ok();
  if (found == 0) {
    return {StatusCode::kNotFound, connection.place(), "nothing is in it yet",
            "start a sweep with `besom run SPEC`"};
  }
  if (found > SchemaVersion()) {
    return NewerSchemaError(connection.place(), found,
                            TableMigrations().size());
  }
  return {StatusCode::kUnavailable, connection.place(),
          fmt::format("written by an older besom (schema {}, this one reads "
                      "{})",
                      found, SchemaVersion()),
          "`besom run SPEC` brings it up to date"};
}

Result<Connection> OpenMade(const Path& path,
                            std::chrono::milliseconds busy_timeout) {
  BESOM_RETURN_IF_ERROR(StatFile(path).status());  // Opening would make one.
  BESOM_ASSIGN_OR_RETURN(Connection connection,
                         Connection::OpenWritable(path, busy_timeout));
  BESOM_RETURN_IF_ERROR(CheckReadable(connection));
  return connection;
}

}  // namespace besom::db
