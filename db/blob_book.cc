#include "db/blob_book.h"

#include "db/connection.h"
#include "db/schema.h"
#include "db/transaction.h"

namespace besom::db {
namespace {

/// Calls `row` for each row that the statement has left.
template <typename Row>
Status ForEach(KeptStatement& rows, const Row& row) {
  BESOM_RETURN_IF_ERROR(rows->Bind());
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, rows->Step());
    if (!more) return Status::Ok();
    row();
  }
}

Status ReadBlobs(Connection& connection, StoreRecord& record) {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection.Kept("SELECT b.key, a.stage, b.port, b.digest, a.finished, "
                      "b.removed IS NOT NULL FROM blob b "
                      "JOIN action a ON a.key = b.key ORDER BY b.key, b.port"));
  return ForEach(rows, [&] {
    record.blobs.push_back({rows->Text(0), rows->Text(1), rows->Text(2),
                            rows->Text(3), rows->Real(4),
                            rows->Integer(5) != 0});
  });
}

Status ReadModels(Connection& connection, StoreRecord& record) {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection.Kept(
          "WITH ranks AS MATERIALIZED "
          "(SELECT sweep, trial, rank FROM leaderboard), "
          "ends AS MATERIALIZED (SELECT sweep_id, trial, "
          "max(started + seconds) AS time FROM attempt "
          "WHERE outcome = 'done' AND trial IS NOT NULL GROUP BY 1, 2), "
          "trained AS MATERIALIZED (SELECT b.digest, max(a.finished) AS time "
          "FROM blob b JOIN action a ON a.key = b.key "
          "WHERE a.stage = 'fine_tune' AND b.port = 'weights' GROUP BY 1) "
          "SELECT s.name, t.trial, f.head_digest, t.ordinal, r.rank, "
          "t.state = 'done', t.planned AND t.state IN "
          "('pending', 'running', 'preempted'), "
          "max(coalesce(e.time, 0), coalesce(w.time, 0)) "
          "FROM fit f JOIN trial t ON t.trial_id = f.trial_id "
          "JOIN sweep s ON s.sweep_id = t.sweep_id "
          "LEFT JOIN ranks r ON r.sweep = s.name AND r.trial = t.trial "
          "LEFT JOIN ends e ON e.sweep_id = t.sweep_id AND e.trial = t.trial "
          "LEFT JOIN trained w ON w.digest = f.head_digest "
          "WHERE f.head_digest <> '' "
          "ORDER BY s.name, t.trial, f.repeat, f.fold"));
  return ForEach(rows, [&] {
    FitModel& model = record.models.emplace_back();
    model.sweep = rows->Text(0);
    model.trial = rows->Text(1);
    model.digest = rows->Text(2);
    model.ordinal = rows->Integer(3);
    model.rank = rows->IsNull(4) ? 0 : rows->Integer(4);
    model.done = rows->Integer(5) != 0;
    model.pending = rows->Integer(6) != 0;
    model.finished = rows->Real(7);
  });
}

Status ReadUnsettled(Connection& connection, StoreRecord& record) {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection.Kept(
          "SELECT s.name, b.digest FROM task k "
          "JOIN sweep s ON s.sweep_id = k.sweep_id "
          "JOIN blob b ON b.key = k.key AND b.port = 'weights' "
          "WHERE k.stage = 'fine_tune' AND EXISTS(SELECT 1 FROM trial t "
          "WHERE t.sweep_id = k.sweep_id AND t.planned AND t.state IN "
          "('pending', 'running', 'preempted')) ORDER BY 1, 2"));
  return ForEach(rows, [&] {
    record.unsettled.emplace_back(rows->Text(0), rows->Text(1));
  });
}

}  // namespace

BlobBook::BlobBook(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
BlobBook::~BlobBook() = default;

Result<std::unique_ptr<BlobBook>> BlobBook::Open(
    const Path& path, std::chrono::milliseconds busy_timeout) {
  BESOM_RETURN_IF_ERROR(StatFile(path).status());  // Opening would make one.
  BESOM_ASSIGN_OR_RETURN(Connection connection,
                         Connection::OpenWritable(path, busy_timeout));
  BESOM_RETURN_IF_ERROR(CheckReadable(connection));
  return std::unique_ptr<BlobBook>(
      new BlobBook(std::make_unique<Connection>(std::move(connection))));
}

Result<StoreRecord> BlobBook::Read() {
  BESOM_ASSIGN_OR_RETURN(
      Transaction snapshot,
      Transaction::Begin(*connection_, Transaction::Kind::kRead));
  StoreRecord record;
  BESOM_RETURN_IF_ERROR(ReadBlobs(*connection_, record));
  BESOM_RETURN_IF_ERROR(ReadModels(*connection_, record));
  BESOM_RETURN_IF_ERROR(ReadUnsettled(*connection_, record));
  BESOM_RETURN_IF_ERROR(snapshot.Commit());
  return record;
}

Status BlobBook::SetRemoved(
    const std::vector<std::pair<std::string, std::string>>& of, double time) {
  if (of.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      Transaction transaction,
      Transaction::Begin(*connection_, Transaction::Kind::kImmediate));
  {
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement remove,
        connection_->Kept("UPDATE blob SET removed = ? "
                          "WHERE key = ? AND port = ? AND removed IS NULL"));
    for (const auto& [key, port] : of)
      BESOM_RETURN_IF_ERROR(remove->Run(time, key, port));
  }
  return transaction.Commit();
}

}  // namespace besom::db
