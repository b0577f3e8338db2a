#include "db/results_store.h"

#include <fmt/format.h>

#include "db/batch_writer.h"
#include "db/connection.h"
#include "db/journal_mode.h"
#include "db/run_fence.h"
#include "db/schema.h"
#include "db/transaction.h"

namespace besom::db {
namespace {

/// A commit of 64 tasks writes some 200 pages, many of them again and again
/// (keys are random): pages are held, and copied from the log to the file only
/// every 8192 pages (32 MB), so that each is copied once for many commits.
constexpr char kTuning[] =
    "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=8192;";

}  // namespace

bool CommitBatch::empty() const {
  return actions.empty() && hits.empty() && attempts.empty() &&
         events.empty() && fits.empty() && trials.empty() &&
         later_sets.empty() && !images && !later_images && !audit;
}

ResultsStore::ResultsStore(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
ResultsStore::~ResultsStore() = default;

void ResultsStore::WaitWhileBusy(
    std::function<bool(double waited)> keep_waiting) {
  connection_->WaitWhileBusy(std::move(keep_waiting));
}

Result<std::unique_ptr<ResultsStore>> ResultsStore::Open(
    const Path& path, const StoreOptions& options) {
  if (path != ":memory:" && !path.parent_path().empty()) {
    BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  }
  BESOM_ASSIGN_OR_RETURN(Connection connection,
                         Connection::OpenWritable(path, options.busy_timeout));
  // Before anything is changed: a newer or foreign file stays as it is.
  BESOM_RETURN_IF_ERROR(CheckMigratable(connection));
  BESOM_RETURN_IF_ERROR(
      SetJournalMode(connection, options.journal.value_or(FittingJournal(path)),
                     options.busy_timeout));
  BESOM_RETURN_IF_ERROR(MigrateToCurrent(connection));
  BESOM_RETURN_IF_ERROR(connection.Execute(kTuning));
  return std::unique_ptr<ResultsStore>(
      new ResultsStore(std::make_unique<Connection>(std::move(connection))));
}

Result<Transaction> ResultsStore::BeginWriting() {
  return BeginWritingAs(*connection_, writer_);
}

Status ResultsStore::Commit(SweepId sweep, const CommitBatch& batch) {
  if (batch.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  BESOM_RETURN_IF_ERROR(
      BatchWriter(*connection_, sweep, summarizer_).Write(batch));
  return transaction.Commit();
}

Result<std::optional<ActionRow>> ResultsStore::FindAction(
    std::string_view key) {
  BESOM_ASSIGN_OR_RETURN(auto found, ReadActions("a.key = ?1", {key}));
  if (found.empty()) return std::optional<ActionRow>();
  return std::optional(std::move(found.front()));
}

Result<std::vector<ActionRow>> ResultsStore::FindActions(
    std::string_view stage, std::optional<std::string_view> space) {
  if (!space) return ReadActions("a.stage = ?1", {stage});
  // The last term says what the partial index needs to hear.
  return ReadActions("a.stage = ?1 AND a.space = ?2 AND a.space <> ''",
                     {stage, *space});
}

Result<std::vector<ActionRow>> ResultsStore::LatestActions(
    std::string_view stage, int most) {
  const std::string count = std::to_string(most);
  return ReadActions(
      "a.key IN (SELECT key FROM action WHERE stage = ?1 "
      "ORDER BY finished DESC LIMIT CAST(?2 AS INTEGER))",
      {stage, count});
}

Result<std::vector<ActionRow>> ResultsStore::ReadActions(
    std::string_view condition, const std::vector<std::string_view>& values) {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection_->Kept(fmt::format(
          "SELECT a.key, a.stage, a.version, a.space, a.params, a.label, "
          "a.seconds, a.counters, a.host, a.rank, a.finished, b.port, "
          "b.digest, b.size, b.removed IS NOT NULL FROM action a LEFT JOIN "
          "blob b ON b.key = a.key "
          "WHERE {} ORDER BY a.key, b.port",
          condition)));
  int index = rows->BeginBinding();
  for (const std::string_view value : values) rows->BindValue(++index, value);
  BESOM_RETURN_IF_ERROR(rows->EndBinding(index));
  std::vector<ActionRow> actions;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, rows->Step());
    if (!more) return actions;
    if (actions.empty() || actions.back().key != rows->Text(0)) {
      ActionRow& row = actions.emplace_back();
      row.key = rows->Text(0);
      row.stage = rows->Text(1);
      row.version = static_cast<int>(rows->Integer(2));
      row.space = rows->Text(3);
      row.params = rows->Text(4);
      row.label = rows->Text(5);
      row.seconds = rows->Real(6);
      BESOM_ASSIGN_OR_RETURN(row.counters,
                             ParseJson(rows->Text(7), connection_->place()));
      row.host = rows->Text(8);
      row.rank = static_cast<int>(rows->Integer(9));
      row.finished = rows->Real(10);
    }
    if (rows->IsNull(11)) continue;
    actions.back().blobs.push_back(
        {rows->Text(11), rows->Text(12),
         static_cast<std::uint64_t>(rows->Integer(13)),
         rows->Integer(14) != 0});
  }
}

Result<std::vector<std::optional<ActionRow>>> ResultsStore::FindActionsByKey(
    const std::vector<std::string>& keys) {
  BESOM_ASSIGN_OR_RETURN(
      Transaction snapshot,
      Transaction::Begin(*connection_, Transaction::Kind::kRead));
  std::vector<std::optional<ActionRow>> actions;
  actions.reserve(keys.size());
  for (const std::string& key : keys) {
    BESOM_ASSIGN_OR_RETURN(std::optional<ActionRow> action, FindAction(key));
    actions.push_back(std::move(action));
  }
  BESOM_RETURN_IF_ERROR(snapshot.Commit());
  return actions;
}

Status ResultsStore::ForgetActions(const std::vector<std::string>& keys) {
  if (keys.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  BESOM_ASSIGN_OR_RETURN(
      Statement forget,
      connection_->Prepare("DELETE FROM action WHERE key = ?"));
  for (const std::string& key : keys) {
    BESOM_RETURN_IF_ERROR(forget.Run(key));
  }
  return transaction.Commit();
}

Result<std::vector<std::optional<std::string>>> ResultsStore::FindFileDigests(
    const std::vector<std::pair<std::string, FileStat>>& files) {
  BESOM_ASSIGN_OR_RETURN(
      Transaction snapshot,
      Transaction::Begin(*connection_, Transaction::Kind::kRead));
  BESOM_ASSIGN_OR_RETURN(
      Statement find,
      connection_->Prepare("SELECT digest FROM file_digest WHERE path = ? AND "
                           "size = ? AND mtime_ns = ? AND inode = ?"));
  std::vector<std::optional<std::string>> digests;
  digests.reserve(files.size());
  for (const auto& [path, stat] : files) {
    BESOM_RETURN_IF_ERROR(find.Bind(path, static_cast<std::int64_t>(stat.size),
                                    stat.mtime_ns,
                                    static_cast<std::int64_t>(stat.inode)));
    BESOM_ASSIGN_OR_RETURN(const bool found, find.Step());
    digests.push_back(found ? std::optional(find.Text(0)) : std::nullopt);
  }
  find.BeginBinding();
  BESOM_RETURN_IF_ERROR(snapshot.Commit());
  return digests;
}

Status ResultsStore::PutFileDigests(const std::vector<FileDigestRow>& files) {
  if (files.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  BESOM_ASSIGN_OR_RETURN(
      Statement put,
      connection_->Prepare("INSERT OR REPLACE INTO file_digest(path, size, "
                           "mtime_ns, inode, digest) VALUES(?, ?, ?, ?, ?)"));
  for (const FileDigestRow& row : files) {
    BESOM_RETURN_IF_ERROR(put.Run(
        row.path, static_cast<std::int64_t>(row.stat.size), row.stat.mtime_ns,
        static_cast<std::int64_t>(row.stat.inode), row.digest));
  }
  return transaction.Commit();
}

}  // namespace besom::db
