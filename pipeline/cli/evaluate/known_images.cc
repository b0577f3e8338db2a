#include "pipeline/cli/evaluate/known_images.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "pipeline/run/replan.h"
#include "pipeline/run/task_params.h"
#include "pipeline/store/blob_store.h"
#include "stages/data/pixel_shard.h"
#include "sweeps/plan.h"

namespace besom::cli {
namespace {

Result<BlobRef> RefOf(const db::Cell& digest, const db::Cell& size) {
  BESOM_ASSIGN_OR_RETURN(const Digest parsed,
                         Digest::FromHex(db::TextOf(digest)));
  return BlobRef{parsed, static_cast<std::uint64_t>(db::IntegerOf(size))};
}

/// The trial's own split among those of its sweep: its id is made of it.
Result<BlobRef> FindSplit(db::Reader& reader, const TrainedTrial& trial) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table splits,
      reader.Query("SELECT k.key, b.digest, b.size FROM task k JOIN sweep s "
                   "USING(sweep_id) JOIN blob b USING(key) WHERE s.name = ? "
                   "AND k.stage = 'split' AND b.port = 'split' "
                   "AND b.removed IS NULL",
                   {trial.record.sweep}));
  const Json identity =
      sweeps::IdentityOf(run::ConfigAsPlanned(trial.config()));
  for (const auto& row : splits.rows)
    if (run::TrialIdOf(identity, trial.weights.digest, db::TextOf(row[0])) ==
        trial.record.trial)
      return RefOf(row[1], row[2]);
  // A trial of an older besom, whose identity had other defaults.
  if (splits.rows.size() == 1)
    return RefOf(splits.rows[0][1], splits.rows[0][2]);
  return Status(StatusCode::kNotFound, "trial " + trial.record.trial,
                "the split that it was trained by is not in the store any more",
                "run its sweep again: what is missing is computed again");
}

/// Adds what one task of ingest left of the images in `wanted`.
Status AddShard(Artifact blob, const std::string& port,
                const std::set<Digest>& wanted, KnownImages& known,
                std::set<Digest>& seen) {
  if (port == "pixels") {
    BESOM_ASSIGN_OR_RETURN(const stages::PixelShard shard,
                           stages::PixelShard::Open(std::move(blob)));
    for (const stages::PixelRecord& record : shard.records())
      if (wanted.contains(record.content))
        known.decoded.emplace(record.content, stages::DecodingOutcome{
                                                  record.error, record.pixels});
    return Status::Ok();
  }
  BESOM_ASSIGN_OR_RETURN(stages::ThumbnailShard shard,
                         stages::ThumbnailShard::Open(std::move(blob)));
  bool any = false;
  for (const stages::ThumbnailRecord& record : shard.records())
    if (wanted.contains(record.content)) {
      any = true;
      seen.insert(record.content);
    }
  if (any) known.thumbnails.push_back(std::move(shard));
  return Status::Ok();
}

}  // namespace

Result<KnownImages> FindKnownImages(const WorkspaceLayout& layout,
                                    db::Reader& reader,
                                    const TrainedTrial& trial) {
  BlobStore blobs(layout);
  BESOM_ASSIGN_OR_RETURN(const BlobRef ref, FindSplit(reader, trial));
  BESOM_ASSIGN_OR_RETURN(const Artifact blob, blobs.Get(ref));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(blob.text(), "split"));
  KnownImages known;
  BESOM_ASSIGN_OR_RETURN(known.split, stages::SplitTable::FromJson(json));
  std::set<Digest> wanted, seen;
  for (const stages::SplitEntry& entry : known.split.entries)
    if (entry.left_out.empty()) wanted.insert(entry.content);
  const Json settings =
      run::PixelSettings(trial.config().at("ingest"), trial.size);
  BESOM_ASSIGN_OR_RETURN(
      const db::Table shards,
      reader.Query("SELECT a.params, b.port, b.digest, b.size FROM task k "
                   "JOIN sweep s USING(sweep_id) JOIN action a USING(key) "
                   "JOIN blob b USING(key) WHERE s.name = ? AND k.stage = "
                   "'ingest' AND b.removed IS NULL",
                   {trial.record.sweep}));
  for (const auto& row : shards.rows) {
    BESOM_ASSIGN_OR_RETURN(Json params,
                           ParseJson(db::TextOf(row[0]), "action.params"));
    params.erase("files");
    if (params != settings) continue;
    const std::string port = db::TextOf(row[1]);
    BESOM_ASSIGN_OR_RETURN(const BlobRef of, RefOf(row[2], row[3]));
    // Of pixels only the head is read, which has a digest of its own.
    Result<Artifact> shard = port == "pixels" ? blobs.Peek(of) : blobs.Get(of);
    if (shard.status().code() == StatusCode::kNotFound) continue;
    if (!shard.ok()) return shard.status();
    BESOM_RETURN_IF_ERROR(
        AddShard(*std::move(shard), port, wanted, known, seen));
  }
  known.unseen = wanted.size() - seen.size();
  return known;
}

Status CheckSetName(db::Reader& reader, const TrainedTrial& trial,
                    const stages::SourceScan& scan, const std::string& set) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table others,
      reader.Query("SELECT DISTINCT trial FROM confusion_matrix WHERE sweep = "
                   "? AND split = ? AND trial <> ? LIMIT 1",
                   {trial.record.sweep, set, trial.record.trial}));
  if (others.rows.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT path, coalesce(content, '') FROM image JOIN sweep s "
                   "USING(sweep_id) WHERE s.name = ? AND source = ? AND listed",
                   {trial.record.sweep, set}));
  std::set<std::pair<std::string, std::string>> stored, met;
  for (const auto& row : rows.rows)
    stored.emplace(db::TextOf(row[0]), db::TextOf(row[1]));
  for (const stages::ScanEntry& entry : scan.entries)
    if (entry.source == set)
      met.emplace(entry.path,
                  entry.content == Digest{} ? "" : entry.content.Hex());
  if (stored == met) return Status::Ok();
  return InvalidError(
      "set '" + set + "'",
      fmt::format("trial {} was evaluated on other images of this name ({} "
                  "then, {} now)",
                  db::TextOf(others.rows[0][0]), stored.size(), met.size()),
      "give these another name");
}

}  // namespace besom::cli
