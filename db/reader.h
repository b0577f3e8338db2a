#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/cell.h"
#include "db/connection.h"
#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::db {

/// A trial that a user named.
struct TrialName {
  std::string sweep;
  std::string trial;
};

/// The reading side of `besom.db`: one snapshot, taken when it was opened;
/// what a run commits later is not seen. Nothing can be written through it.
/// With a rollback journal, where a reader keeps the writer out, the snapshot
/// is a copy, and the file is free again when Open returns. Thread safety: one
/// thread at a time.
class Reader {
 public:
  /// kNotFound, with a word for the user, when there is no database yet.
  static Result<std::unique_ptr<Reader>> Open(const Path& path);

  /// Answers one statement of reading SQL; `values` are its parameters.
  /// kInvalid, with SQLite's words, for bad SQL and for anything that writes.
  Result<Table> Query(std::string_view sql,
                      const std::vector<Cell>& values = {});

  /// As Query, row by row without holding them: `columns` once, then `row` for
  /// each; an error that a callback returns ends the query.
  Status Stream(
      std::string_view sql, const std::vector<Cell>& values,
      const std::function<Status(const std::vector<std::string>&)>& columns,
      const std::function<Status(const std::vector<Cell>&)>& row);

  /// `name`, or the only sweep when it is empty. kInvalid with the list of
  /// sweeps when there is no such sweep or no single one.
  Result<std::string> FindSweep(std::string_view name);

  /// The trial that `text` means: its id, an unambiguous prefix of it, or
  /// `best`. `sweep` may be empty: then all sweeps are searched for an id, and
  /// `best` is that of the only sweep. kInvalid with the candidates else.
  Result<TrialName> FindTrial(std::string_view text, std::string_view sweep);

 private:
  explicit Reader(Connection connection) : connection_(std::move(connection)) {}
  Result<TrialName> FindBest(const std::string& sweep);
  Connection connection_;
};

}  // namespace besom::db
