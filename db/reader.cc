#include "db/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "db/schema.h"

namespace besom::db {
namespace {

constexpr std::chrono::seconds kBusyTimeout{10};

/// Long lists of names are cut here.
constexpr std::size_t kMostNames = 20;

std::string Join(const std::vector<std::string>& names) {
  const auto shown = std::min(names.size(), kMostNames);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (shown < names.size()) {
    text += fmt::format(" and {} more", names.size() - shown);
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::Open(const Path& path) {
  auto connection = Connection::OpenReadOnly(path, kBusyTimeout);
  if (connection.status().code() == StatusCode::kNotFound) {
    return Status(StatusCode::kNotFound, path.string(),
                  "there is no database here yet",
                  "start a sweep with `besom run SPEC`, or name the workspace "
                  "with -w or $BESOM_WORKSPACE");
  }
  if (!connection.ok()) return connection.status();
  BESOM_RETURN_IF_ERROR(CheckReadable(*connection));
  BESOM_ASSIGN_OR_RETURN(const bool log, connection->UsesLog());
  if (!log) connection = connection->Copy();
  if (!connection.ok()) return connection.status();
  // The snapshot is taken by the first read, so read at once.
  BESOM_RETURN_IF_ERROR(
      connection->Execute("BEGIN; SELECT count(*) FROM sweep"));
  connection->RefuseAllButReading();
  return std::unique_ptr<Reader>(new Reader(*std::move(connection)));
}

Status Reader::Stream(
    std::string_view sql, const std::vector<Cell>& values,
    const std::function<Status(const std::vector<std::string>&)>& columns,
    const std::function<Status(const std::vector<Cell>&)>& row) {
  auto prepared = connection_.Prepare(sql);
  if (prepared.status().code() == StatusCode::kUnavailable) {
    return InvalidError(prepared.status().place(),
                        "this SQL does more than reading, which is all that "
                        "is allowed here");
  }
  if (!prepared.ok()) return prepared.status();
  Statement statement = *std::move(prepared);
  int index = statement.BeginBinding();
  for (const Cell& value : values) statement.BindValue(++index, value);
  BESOM_RETURN_IF_ERROR(statement.EndBinding(index));
  std::vector<std::string> names;
  for (int i = 0; i < statement.column_count(); ++i) {
    names.push_back(statement.column_name(i));
  }
  BESOM_RETURN_IF_ERROR(columns(names));
  std::vector<Cell> cells(names.size());
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return Status::Ok();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      cells[i] = statement.Value(static_cast<int>(i));
    }
    BESOM_RETURN_IF_ERROR(row(cells));
  }
}

Result<Table> Reader::Query(std::string_view sql,
                            const std::vector<Cell>& values) {
  Table table;
  BESOM_RETURN_IF_ERROR(Stream(
      sql, values,
      [&](const std::vector<std::string>& columns) {
        table.columns = columns;
        return Status::Ok();
      },
      [&](const std::vector<Cell>& row) {
        table.rows.push_back(row);
        return Status::Ok();
      }));
  return table;
}

Result<std::string> Reader::FindSweep(std::string_view name) {
  BESOM_ASSIGN_OR_RETURN(const Table table,
                         Query("SELECT sweep FROM sweeps ORDER BY sweep"));
  std::vector<std::string> names;
  for (const auto& row : table.rows) names.push_back(TextOf(row[0]));
  if (names.empty()) {
    return Status(StatusCode::kNotFound, connection_.place(),
                  "there is no sweep in it yet",
                  "start one with `besom run SPEC`");
  }
  if (name.empty()) {
    if (names.size() == 1) return names.front();
    return InvalidError(
        "--sweep",
        fmt::format("{} sweeps are here: {}", names.size(), Join(names)),
        "name one with --sweep");
  }
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    return std::string(name);
  }
  return InvalidError(
      "--sweep", fmt::format("no sweep '{}'; there is: {}", name, Join(names)));
}

Result<TrialName> Reader::FindBest(const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      const Table best,
      Query("SELECT trial FROM leaderboard WHERE sweep = ? AND rank = 1",
            {sweep}));
  if (!best.rows.empty()) return TrialName{sweep, TextOf(best.rows[0][0])};
  BESOM_ASSIGN_OR_RETURN(
      const Table unranked,
      Query("SELECT metric, split, count(*) FROM leaderboard WHERE sweep = ? "
            "AND state = 'done' AND planned AND value IS NULL "
            "GROUP BY metric, split",
            {sweep}));
  if (unranked.rows.empty()) {
    return InvalidError("best",
                        fmt::format("no trial of '{}' is done yet", sweep),
                        "`besom status` shows how far it is");
  }
  return InvalidError(
      "best",
      fmt::format("{} has no value on the set '{}' in any finished trial of "
                  "'{}'",
                  TextOf(unranked.rows[0][0]), TextOf(unranked.rows[0][1]),
                  sweep),
      "rank by another metric, or on a set that holds images of that class");
}

Result<TrialName> Reader::FindTrial(std::string_view text,
                                    std::string_view sweep) {
  if (text == "best" || !sweep.empty()) {
    BESOM_ASSIGN_OR_RETURN(const std::string name, FindSweep(sweep));
    if (text == "best") return FindBest(name);
  }
  // A range instead of LIKE: the index serves it, and % or _ mean nothing.
  BESOM_ASSIGN_OR_RETURN(
      const Table found,
      Query("SELECT sweep, trial FROM trials WHERE trial >= ?1 AND "
            "substr(trial, 1, length(?1)) = ?1 AND (?2 = '' OR sweep = ?2) "
            "ORDER BY trial = ?1 DESC, trial, sweep",
            {std::string(text), std::string(sweep)}));
  if (found.rows.empty() || text.empty()) {
    return InvalidError(
        "TRIAL", fmt::format("no trial begins with '{}'", text),
        "`besom query \"SELECT trial FROM leaderboard\"` lists them");
  }
  std::set<std::string> trials, sweeps;
  const std::string first = TextOf(found.rows[0][1]);
  for (const auto& row : found.rows) {
    if (first == text && TextOf(row[1]) != first) continue;
    trials.insert(TextOf(row[1]));
    sweeps.insert(TextOf(row[0]));
  }
  if (trials.size() > 1) {
    return InvalidError(
        "TRIAL",
        fmt::format("'{}' begins {} trials: {}", text, trials.size(),
                    Join({trials.begin(), trials.end()})),
        "give more digits");
  }
  if (sweeps.size() > 1) {
    return InvalidError(
        "TRIAL",
        fmt::format("trial {} is in {} sweeps: {}", first, sweeps.size(),
                    Join({sweeps.begin(), sweeps.end()})),
        "name one with --sweep");
  }
  return TrialName{*sweeps.begin(), first};
}

}  // namespace besom::db
