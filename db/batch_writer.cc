#include "db/batch_writer.h"

#include <fmt/format.h>

#include <optional>

namespace besom::db {
namespace {

/// NULL where 0 stands for "not known".
Cell NullIfZero(int value) {
  return value != 0 ? Cell(std::int64_t{value}) : Cell();
}

}  // namespace

Status BatchWriter::Write(const CommitBatch& batch) {
  BESOM_RETURN_IF_ERROR(PutActions(batch.actions));
  BESOM_RETURN_IF_ERROR(PutHits(batch.hits));
  BESOM_RETURN_IF_ERROR(PutAttempts(batch.attempts));
  BESOM_RETURN_IF_ERROR(PutEvents(batch.events));
  if (batch.images) BESOM_RETURN_IF_ERROR(PutImages(*batch.images));
  if (batch.audit) BESOM_RETURN_IF_ERROR(PutAudit(*batch.audit));
  if (batch.later_images)
    BESOM_RETURN_IF_ERROR(PutLaterImages(*batch.later_images));
  BESOM_RETURN_IF_ERROR(PutFits(batch.fits));
  BESOM_RETURN_IF_ERROR(PutLaterSets(batch.later_sets));
  for (const std::int64_t trial : touched_)
    BESOM_RETURN_IF_ERROR(PutAggregates(trial));
  return PutTrialChanges(batch.trials);
}

Status BatchWriter::PutActions(const std::vector<ActionRow>& actions) {
  if (actions.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement action,
      connection_.Kept(
          "INSERT INTO action(key, stage, version, space, params, label, "
          "seconds, images, counters, host, rank, finished) "
          "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
          "ON CONFLICT(key) DO UPDATE SET stage=excluded.stage, "
          "version=excluded.version, space=excluded.space, "
          "params=excluded.params, label=excluded.label, "
          "seconds=excluded.seconds, images=excluded.images, "
          "counters=excluded.counters, host=excluded.host, "
          "rank=excluded.rank, finished=excluded.finished"));
  BESOM_ASSIGN_OR_RETURN(KeptStatement clear,
                         connection_.Kept("DELETE FROM blob WHERE key = ?"));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement blob,
      connection_.Kept(
          "INSERT INTO blob(key, port, digest, size) VALUES(?, ?, ?, ?)"));
  // Other actions may have left the same bytes.
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement is_there,
      connection_.Kept("UPDATE blob SET removed = NULL "
                       "WHERE digest = ? AND removed IS NOT NULL"));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement task,
      connection_.Kept(
          "INSERT INTO task(sweep_id, key, stage, cached) VALUES(?, ?, ?, 0) "
          "ON CONFLICT(sweep_id, key) DO UPDATE SET cached = 0"));
  BESOM_ASSIGN_OR_RETURN(KeptStatement unclaim,
                         connection_.Kept("DELETE FROM claim WHERE key = ?"));
  for (const ActionRow& row : actions) {
    std::optional<double> images;
    if (const auto found = row.counters.find("images");
        found != row.counters.end() && found->is_number()) {
      images = found->get<double>();
    }
    BESOM_RETURN_IF_ERROR(
        action->Run(row.key, row.stage, row.version, row.space, row.params,
                    row.label, row.seconds, images, CanonicalText(row.counters),
                    row.host, row.rank, row.finished));
    BESOM_RETURN_IF_ERROR(clear->Run(row.key));
    for (const BlobRow& b : row.blobs) {
      BESOM_RETURN_IF_ERROR(blob->Run(row.key, b.port, b.digest,
                                      static_cast<std::int64_t>(b.size)));
      BESOM_RETURN_IF_ERROR(is_there->Run(b.digest));
    }
    BESOM_RETURN_IF_ERROR(task->Run(sweep_, row.key, row.stage));
    BESOM_RETURN_IF_ERROR(unclaim->Run(row.key));
  }
  return Status::Ok();
}

Status BatchWriter::PutHits(const std::vector<CacheHit>& hits) {
  if (hits.empty()) return Status::Ok();
  // A task that this sweep itself has run before stays its own work.
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement task,
      connection_.Kept("INSERT OR IGNORE INTO task(sweep_id, key, stage, "
                       "cached) VALUES(?, ?, ?, 1)"));
  for (const CacheHit& hit : hits) {
    BESOM_RETURN_IF_ERROR(task->Run(sweep_, hit.key, hit.stage));
  }
  return Status::Ok();
}

Status BatchWriter::PutAttempts(const std::vector<AttemptRow>& attempts) {
  if (attempts.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement attempt,
      connection_.Kept(
          "INSERT INTO attempt(sweep_id, trial, key, stage, host, device, "
          "rank, signal, outcome, message, started, seconds) "
          "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  for (const AttemptRow& row : attempts) {
    BESOM_RETURN_IF_ERROR(attempt->Run(
        sweep_, NullIfEmpty(row.trial), row.key, row.stage, row.host,
        row.device, row.rank, NullIfZero(row.signal), row.outcome,
        NullIfEmpty(row.message), row.started, row.seconds));
  }
  return Status::Ok();
}

Status BatchWriter::PutEvents(const std::vector<EventRow>& events) {
  if (events.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement event,
      connection_.Kept(
          "INSERT INTO event(sweep_id, time, kind, text) VALUES(?, ?, ?, ?)"));
  for (const EventRow& row : events) {
    BESOM_RETURN_IF_ERROR(
        event->Run(sweep_, row.time, row.kind, CanonicalText(row.text)));
  }
  return Status::Ok();
}

Status BatchWriter::PutImages(const ImageTable& table) {
  // Only these depend on the groups of images that are there already.
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::int64_t> pooled,
                         PooledTrials());
  ImageGroups before;
  if (!pooled.empty()) {
    BESOM_ASSIGN_OR_RETURN(before, ReadGroups());
  }
  BESOM_RETURN_IF_ERROR(UnlistImages(/*later=*/false, ""));
  BESOM_RETURN_IF_ERROR(InsertImages(table, /*later=*/false));
  return pooled.empty() ? Status::Ok() : PoolAgain(pooled, before);
}

Status BatchWriter::PutLaterImages(const ImageTable& table) {
  std::set<std::string> sources;
  for (const ImageRow& row : table.images) sources.insert(row.source);
  for (const std::string& source : sources)
    BESOM_RETURN_IF_ERROR(UnlistImages(/*later=*/true, source));
  return InsertImages(table, /*later=*/true);
}

Status BatchWriter::UnlistImages(bool later, const std::string& source) {
  const std::string which =
      "sweep_id = ?1 AND later = ?2 AND (?3 = '' OR source = ?3)";
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement unlist,
      connection_.Kept("UPDATE image SET listed = 0 WHERE " + which));
  BESOM_RETURN_IF_ERROR(unlist->Run(sweep_, later, source));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement clear,
      connection_.Kept("DELETE FROM image_split WHERE image_id IN (SELECT "
                       "image_id FROM image WHERE " +
                       which + ")"));
  return clear->Run(sweep_, later, source);
}

Status BatchWriter::InsertImages(const ImageTable& table, bool later) {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement image,
      connection_.Kept(
          "INSERT INTO image(sweep_id, source, path, listed, label, patients, "
          "group_name, left_out, duplicate_of, width, height, mode, content, "
          "later) VALUES(?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
          "ON CONFLICT(sweep_id, source, path) DO UPDATE SET listed = 1, "
          "later=excluded.later, "
          "label=excluded.label, patients=excluded.patients, "
          "group_name=excluded.group_name, left_out=excluded.left_out, "
          "duplicate_of=excluded.duplicate_of, "
          // The pixels that told them may have been removed since.
          "width=iif(content IS excluded.content, "
          "coalesce(excluded.width, width), excluded.width), "
          "height=iif(content IS excluded.content, "
          "coalesce(excluded.height, height), excluded.height), "
          "mode=iif(content IS excluded.content, "
          "coalesce(excluded.mode, mode), excluded.mode), "
          "content=excluded.content RETURNING image_id"));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement split,
      connection_.Kept("INSERT INTO image_split(image_id, repeat, fold, "
                       "split) VALUES(?, ?, ?, ?)"));
  for (const ImageRow& row : table.images) {
    BESOM_RETURN_IF_ERROR(
        image->Bind(sweep_, row.source, row.path, NullIfEmpty(row.label),
                    NullIfEmpty(row.patients), NullIfEmpty(row.group),
                    NullIfEmpty(row.left_out), NullIfEmpty(row.duplicate_of),
                    NullIfZero(row.width), NullIfZero(row.height),
                    NullIfEmpty(row.mode), NullIfEmpty(row.content), later));
    BESOM_ASSIGN_OR_RETURN(const bool returned, image->Step());
    BESOM_CHECK(returned, row.path);
    const std::int64_t id = image->Integer(0);
    for (std::size_t fit = 0; fit < row.sets.size(); ++fit) {
      if (row.sets[fit].empty()) continue;
      const int index = static_cast<int>(fit);
      BESOM_RETURN_IF_ERROR(split->Run(id, index / table.folds,
                                       index % table.folds, row.sets[fit]));
    }
  }
  return Status::Ok();
}

Status BatchWriter::PutAudit(const AuditTable& table) {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement clear,
      connection_.Kept("DELETE FROM audit_figure WHERE sweep_id = ?"));
  BESOM_RETURN_IF_ERROR(clear->Run(sweep_));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement figure,
      connection_.Kept(
          "INSERT INTO audit_figure(sweep_id, probe, class_a, class_b, "
          "may_alarm, balanced_accuracy, low, high, bound, method, chance, "
          "images, n_groups, folds) "
          "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  for (const AuditRow& row : table) {
    BESOM_RETURN_IF_ERROR(figure->Run(
        sweep_, row.probe, row.class_a, row.class_b, row.may_alarm ? 1 : 0,
        row.balanced_accuracy, row.low, row.high, row.bound, row.method,
        row.chance, row.images, row.groups, row.folds));
  }
  return Status::Ok();
}

Status BatchWriter::PutTrialChanges(const std::vector<TrialChange>& changes) {
  if (changes.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement change,
      connection_.Kept(
          "UPDATE trial SET state = ?, error = ? WHERE trial_id = ?"));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement recorded,
      connection_.Kept("SELECT count(*) FROM fit WHERE trial_id = ?"));
  for (const TrialChange& row : changes) {
    BESOM_ASSIGN_OR_RETURN(const TrialId trial, FindTrial(row.trial));
    if (row.state == TrialState::kDone) {
      BESOM_RETURN_IF_ERROR(recorded->Bind(trial.id));
      BESOM_ASSIGN_OR_RETURN(const bool counted, recorded->Step());
      BESOM_CHECK(counted, row.trial);
      if (recorded->Integer(0) != trial.fits) {
        return InternalError(
            connection_.place(),
            fmt::format("trial {} is called done with {} of {} fits recorded",
                        row.trial, recorded->Integer(0), trial.fits));
      }
    }
    BESOM_RETURN_IF_ERROR(
        change->Run(NameOf(row.state), NullIfEmpty(row.error), trial.id));
  }
  return Status::Ok();
}

Result<BatchWriter::TrialId> BatchWriter::FindTrial(const std::string& trial) {
  BESOM_ASSIGN_OR_RETURN(KeptStatement find,
                         connection_.Kept("SELECT trial_id, fits FROM trial "
                                          "WHERE sweep_id = ? AND trial = ?"));
  BESOM_RETURN_IF_ERROR(find->Bind(sweep_, trial));
  BESOM_ASSIGN_OR_RETURN(const bool found, find->Step());
  if (!found) {
    return InternalError(
        connection_.place(),
        fmt::format("trial {} is not registered in this sweep", trial));
  }
  return TrialId{find->Integer(0), static_cast<int>(find->Integer(1))};
}

}  // namespace besom::db
