#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

#include "db/batch_writer.h"
#include "db/connection.h"
#include "db/results_store.h"
#include "db/transaction.h"

namespace besom::db {
namespace {

/// Rows of fits, all of the same shape: (trial_id, repeat, fold, ...).
constexpr std::array kFitTables = {"fit",       "metric",       "rule_metric",
                                   "threshold", "epoch_metric", "confusion",
                                   "curve",     "prediction"};

/// Another database as schema `part` of a connection.
class AttachedPart {
 public:
  static Result<AttachedPart> Attach(Connection& connection, const Path& path) {
    BESOM_ASSIGN_OR_RETURN(Statement attach,
                           connection.Prepare("ATTACH DATABASE ? AS part"));
    BESOM_RETURN_IF_ERROR(attach.Run(path.string()));
    return AttachedPart(connection);
  }
  AttachedPart(AttachedPart&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)) {}
  AttachedPart& operator=(AttachedPart&&) = delete;
  ~AttachedPart() {
    // Nothing was written to it; it would be refused while a statement runs.
    if (connection_) [[maybe_unused]]
      const Status ignored = connection_->Execute("DETACH DATABASE part");
  }

 private:
  explicit AttachedPart(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

/// Adds what schema `part` holds of one sweep to schema `main`, inside the
/// caller's transaction. Numbers of sweeps, trials and images differ between
/// the two; names tell what is the same.
class PartMerger {
 public:
  PartMerger(Connection& connection, const FitSummarizer& summarizer,
             std::string_view sweep)
      : connection_(connection), summarizer_(summarizer), sweep_(sweep) {}

  Status Merge() {
    BESOM_ASSIGN_OR_RETURN(const bool any, FindSweeps());
    if (!any) return Status::Ok();
    BESOM_RETURN_IF_ERROR(MergeImages());
    BESOM_RETURN_IF_ERROR(MergeTrials());
    BESOM_RETURN_IF_ERROR(NoteLaterSets());
    for (const char* table : kFitTables)
      BESOM_RETURN_IF_ERROR(MergeFits(table));
    BESOM_RETURN_IF_ERROR(
        Run("DROP TABLE temp.moved; DROP TABLE temp.later; "
            "DROP TABLE temp.same"));
    BESOM_RETURN_IF_ERROR(MergeActions());
    return MergeRecords();
  }

 private:
  /// Runs SQL in which {main} and {part} stand for the numbers of the sweep.
  Status Run(std::string_view sql) {
    return connection_.Execute(fmt::format(
        fmt::runtime(sql), fmt::arg("main", main_), fmt::arg("part", part_)));
  }

  /// Columns of a table but for those in `without` ("'a', 'b'"), whatever the
  /// schema holds, each with `prefix` before it.
  Result<std::string> Columns(std::string_view table, std::string_view without,
                              std::string_view prefix = "") {
    return connection_.QueryText(fmt::format(
        "SELECT group_concat('{}' || name, ', ') FROM pragma_table_info('{}') "
        "WHERE name NOT IN ({})",
        prefix, table, without));
  }

  Result<std::int64_t> SweepIn(std::string_view schema) {
    BESOM_ASSIGN_OR_RETURN(
        Statement find,
        connection_.Prepare(fmt::format(
            "SELECT sweep_id FROM {}.sweep WHERE name = ?", schema)));
    BESOM_RETURN_IF_ERROR(find.Bind(sweep_));
    BESOM_ASSIGN_OR_RETURN(const bool found, find.Step());
    return found ? find.Integer(0) : 0;
  }

  /// False when the part holds nothing of the sweep.
  Result<bool> FindSweeps() {
    BESOM_ASSIGN_OR_RETURN(part_, SweepIn("part"));
    if (part_ == 0) return false;
    BESOM_ASSIGN_OR_RETURN(main_, SweepIn("main"));
    if (main_ == 0) {
      BESOM_ASSIGN_OR_RETURN(const std::string columns,
                             Columns("sweep", "'sweep_id'"));
      BESOM_RETURN_IF_ERROR(Run(
          fmt::format("INSERT INTO main.sweep({0}) SELECT {0} FROM part.sweep "
                      "WHERE sweep_id = {{part}}",
                      columns)));
      main_ = connection_.last_insert_id();
      for (const char* table : {"criterion", "bound"})
        BESOM_RETURN_IF_ERROR(CopyOfSweep(table, "INSERT"));
    }
    BESOM_RETURN_IF_ERROR(CopyOfSweep("sweep_weights", "INSERT OR REPLACE"));
    return true;
  }

  Status CopyOfSweep(std::string_view table, std::string_view how) {
    BESOM_ASSIGN_OR_RETURN(const std::string columns,
                           Columns(table, "'sweep_id'"));
    return Run(fmt::format(
        "{1} INTO main.{0}(sweep_id, {2}) SELECT {{main}}, {2} FROM part.{0} "
        "WHERE sweep_id = {{part}}",
        table, how, columns));
  }

  Result<ImageTable> ReadImages();

  /// Those that the sweep lists, as a run would put them; bare rows for others
  /// that predictions point at.
  Status MergeImages() {
    CommitBatch batch;
    BESOM_ASSIGN_OR_RETURN(ImageTable table, ReadImages());
    if (!table.images.empty()) {
      batch.images = std::move(table);
      BESOM_RETURN_IF_ERROR(
          BatchWriter(connection_, main_, summarizer_).Write(batch));
    }
    return Run(
        "INSERT OR IGNORE INTO main.image(sweep_id, source, path, listed) "
        "SELECT {main}, source, path, 0 FROM part.image "
        "WHERE sweep_id = {part}");
  }

  /// What has not ended in the part stands as it stood. Notes the trials that
  /// have fits in the part, and whether all of them.
  Status MergeTrials() {
    BESOM_ASSIGN_OR_RETURN(const std::string columns,
                           Columns("trial", "'trial_id', 'sweep_id', 'state'"));
    return Run(fmt::format(
        "INSERT INTO main.trial(sweep_id, state, {0}) SELECT {{main}}, "
        "iif(state IN ('running', 'preempted'), 'pending', state), {0} "
        "FROM part.trial WHERE sweep_id = {{part}} "
        "ON CONFLICT(sweep_id, trial) DO UPDATE SET state = excluded.state, "
        "error = excluded.error WHERE excluded.state <> 'pending'; "
        "CREATE TEMP TABLE moved(part_id INTEGER PRIMARY KEY, main_id INTEGER, "
        "whole INTEGER); "
        "INSERT INTO temp.moved SELECT p.trial_id, m.trial_id, f.fits = p.fits "
        "FROM (SELECT trial_id, count(*) AS fits FROM part.fit "
        "GROUP BY trial_id) f JOIN part.trial p ON p.trial_id = f.trial_id "
        "JOIN main.trial m ON m.sweep_id = {{main}} AND m.trial = p.trial "
        "WHERE p.sweep_id = {{part}}",
        columns));
  }

  /// Notes the sets that trials have been evaluated on since the part was
  /// merged before, and the fits (all of a trial: kAllFits) whose head is the
  /// one that they were evaluated with.
  Status NoteLaterSets() {
    return Run(fmt::format(
        "CREATE TEMP TABLE later(split TEXT PRIMARY KEY); "
        "INSERT INTO temp.later SELECT x.split FROM main.image_split x JOIN "
        "main.image i ON i.image_id = x.image_id WHERE i.sweep_id = {{main}} "
        "AND i.later EXCEPT SELECT split FROM part.metric; "
        "CREATE TEMP TABLE same(main_id INTEGER, repeat INTEGER, fold INTEGER, "
        "PRIMARY KEY(main_id, repeat, fold)); "
        "INSERT INTO temp.same SELECT v.main_id, p.repeat, p.fold FROM "
        "temp.moved v JOIN part.fit p ON p.trial_id = v.part_id JOIN main.fit "
        "m ON m.trial_id = v.main_id AND m.repeat = p.repeat AND m.fold = "
        "p.fold AND m.head_digest = p.head_digest; "
        "INSERT INTO temp.same SELECT main_id, {0}, {0} FROM temp.moved v "
        "WHERE (SELECT count(*) FROM temp.same s WHERE s.main_id = v.main_id) "
        "= (SELECT count(*) FROM part.fit WHERE trial_id = part_id)",
        kAllFits));
  }

  /// The part's rows of a fit take the place of those that are there, but for
  /// later sets of the same head, of which the part knows nothing.
  Status MergeFits(std::string_view table) {
    BESOM_ASSIGN_OR_RETURN(
        const std::int64_t has_sets,
        connection_.QueryInteger(fmt::format(
            "SELECT count(*) FROM pragma_table_info('{}') WHERE name = 'split'",
            table)));
    BESOM_RETURN_IF_ERROR(Run(fmt::format(
        "DELETE FROM main.{0} WHERE trial_id IN (SELECT main_id FROM "
        "temp.moved) AND (repeat = {1} AND trial_id IN (SELECT main_id FROM "
        "temp.moved WHERE whole) OR (trial_id, repeat, fold) IN (SELECT "
        "main_id, repeat, fold FROM temp.moved JOIN part.fit ON trial_id = "
        "part_id)){2}",
        table, kAllFits,
        has_sets == 0 ? ""
                      : " AND NOT (split IN (SELECT split FROM temp.later) AND "
                        "(trial_id, repeat, fold) IN (SELECT main_id, repeat, "
                        "fold FROM temp.same))")));
    const bool of_images = table == "prediction";
    BESOM_ASSIGN_OR_RETURN(const std::string columns,
                           Columns(table, "'trial_id', 'image_id'"));
    BESOM_ASSIGN_OR_RETURN(const std::string values,
                           Columns(table, "'trial_id', 'image_id'", "x."));
    return Run(fmt::format(
        "INSERT INTO main.{0}(trial_id, {1}{3}) SELECT v.main_id, {2}{4} "
        "FROM temp.moved v JOIN part.{0} x ON x.trial_id = v.part_id{5}",
        table, columns, values, of_images ? ", image_id" : "",
        of_images ? ", i.image_id" : "",
        of_images ? " JOIN part.image p ON p.image_id = x.image_id JOIN "
                    "main.image i ON i.sweep_id = {main} AND "
                    "i.source = p.source AND i.path = p.path"
                  : ""));
  }

  Status MergeActions() {
    BESOM_ASSIGN_OR_RETURN(const std::string actions, Columns("action", "''"));
    BESOM_ASSIGN_OR_RETURN(const std::string blobs, Columns("blob", "''"));
    return Run(fmt::format(
        "DELETE FROM main.action WHERE key IN (SELECT key FROM part.action); "
        "INSERT INTO main.action({0}) SELECT {0} FROM part.action; "
        "INSERT INTO main.blob({1}) SELECT {1} FROM part.blob; "
        "UPDATE main.blob SET removed = NULL WHERE removed IS NOT NULL AND "
        "digest IN (SELECT digest FROM part.blob WHERE removed IS NULL); "
        "DELETE FROM main.claim WHERE key IN (SELECT key FROM part.action); "
        // What one part ran is the sweep's own work, whoever found it done.
        "INSERT INTO main.task(sweep_id, key, stage, cached) SELECT {{main}}, "
        "key, stage, cached FROM part.task WHERE sweep_id = {{part}} "
        "ON CONFLICT(sweep_id, key) DO UPDATE SET "
        "cached = min(cached, excluded.cached)",
        actions, blobs));
  }

  Status MergeRecords() {
    // A row that is there already came with this part before.
    for (const auto& [table, id, time] :
         {std::array{"attempt", "attempt_id", "started"},
          std::array{"event", "event_id", "time"}}) {
      BESOM_ASSIGN_OR_RETURN(
          const std::string columns,
          Columns(table, fmt::format("'sweep_id', '{}'", id)));
      BESOM_RETURN_IF_ERROR(Run(fmt::format(
          "INSERT INTO main.{0}(sweep_id, {1}) SELECT {{main}}, {1} FROM "
          "(SELECT {1} FROM part.{0} WHERE sweep_id = {{part}} EXCEPT "
          "SELECT {1} FROM main.{0} WHERE sweep_id = {{main}}) ORDER BY {2}",
          table, columns, time)));
    }
    BESOM_ASSIGN_OR_RETURN(const std::string runs,
                           Columns("run", "'sweep_id'"));
    BESOM_RETURN_IF_ERROR(Run(fmt::format(
        "INSERT INTO main.run(sweep_id, {0}) SELECT {{main}}, {0} FROM "
        "part.run WHERE sweep_id = {{part}} ON CONFLICT(run) DO UPDATE SET "
        "ended = excluded.ended, outcome = excluded.outcome; "
        "INSERT OR REPLACE INTO main.file_digest SELECT * FROM "
        "part.file_digest; "
        "DELETE FROM main.audit_figure WHERE sweep_id = {{main}} AND EXISTS "
        "(SELECT 1 FROM part.audit_figure WHERE sweep_id = {{part}})",
        runs)));
    return CopyOfSweep("audit_figure", "INSERT");
  }

  Connection& connection_;
  const FitSummarizer& summarizer_;
  const std::string sweep_;
  std::int64_t main_ = 0, part_ = 0;  ///< Its number in both.
};

Result<ImageTable> PartMerger::ReadImages() {
  BESOM_ASSIGN_OR_RETURN(
      Statement rows,
      connection_.Prepare(
          "SELECT i.source, i.path, i.label, i.patients, i.group_name, "
          "i.left_out, i.duplicate_of, i.width, i.height, i.mode, i.content, "
          "x.repeat, x.fold, x.split, i.image_id, (SELECT 1 + max(fold) FROM "
          "part.image_split) FROM part.image i LEFT JOIN part.image_split x "
          "ON x.image_id = i.image_id WHERE i.sweep_id = ? AND i.listed AND "
          "NOT i.later ORDER BY i.image_id"));
  BESOM_RETURN_IF_ERROR(rows.Bind(part_));
  ImageTable table;
  std::int64_t last = 0;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return table;
    if (table.images.empty() || rows.Integer(14) != last) {
      last = rows.Integer(14);
      table.folds = std::max(1, static_cast<int>(rows.Integer(15)));
      ImageRow& row = table.images.emplace_back();
      row.source = rows.Text(0);
      row.path = rows.Text(1);
      row.label = rows.Text(2);
      row.patients = rows.Text(3);
      row.group = rows.Text(4);
      row.left_out = rows.Text(5);
      row.duplicate_of = rows.Text(6);
      row.width = static_cast<int>(rows.Integer(7));
      row.height = static_cast<int>(rows.Integer(8));
      row.mode = rows.Text(9);
      row.content = rows.Text(10);
    }
    if (rows.IsNull(13)) continue;
    const auto fit = static_cast<std::size_t>(rows.Integer(11) * table.folds +
                                              rows.Integer(12));
    std::vector<std::string>& sets = table.images.back().sets;
    if (sets.size() <= fit) sets.resize(fit + 1);
    sets[fit] = rows.Text(13);
  }
}

}  // namespace

Status ResultsStore::MergePart(std::string_view sweep, const Path& part) {
  BESOM_RETURN_IF_ERROR(StatFile(part).status());  // Opening would make one.
  // Of the same schema, whoever wrote it.
  BESOM_RETURN_IF_ERROR(Open(part).status());
  BESOM_ASSIGN_OR_RETURN(const AttachedPart attached,
                         AttachedPart::Attach(*connection_, part));
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  BESOM_RETURN_IF_ERROR(PartMerger(*connection_, summarizer_, sweep).Merge());
  return transaction.Commit();
}

Status RemovePart(const Path& part) {
  // Without the database the rest means nothing: SQLite removes it itself.
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    const Path path = part.string() + suffix;
    std::error_code error;
    std::filesystem::remove(path, error);
    if (error)
      return IoError(path.string(),
                     fmt::format("cannot remove: {}", error.message()),
                     "look at its rights, then run the same command again");
  }
  return SyncFolder(part.parent_path());
}

}  // namespace besom::db
