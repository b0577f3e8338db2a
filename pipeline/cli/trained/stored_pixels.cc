#include "pipeline/cli/trained/stored_pixels.h"

#include <utility>

#include "pipeline/run/task_params.h"
#include "pipeline/store/blob_store.h"
#include "stages/data/pixel_shard.h"

namespace besom::cli {
namespace {

/// Which of `contents` a task of ingest with these parameters decoded.
std::vector<std::string> ContentsOf(const Json& params,
                                    const std::set<std::string>& contents) {
  std::vector<std::string> found;
  for (const Json& file : params.at("files"))
    if (const std::string content = file.at("content");
        contents.contains(content))
      found.push_back(content);
  return found;
}

Status ReadShard(Artifact blob, const std::vector<std::string>& contents,
                 PixelsByContent& pixels) {
  BESOM_ASSIGN_OR_RETURN(const stages::PixelShard shard,
                         stages::PixelShard::Open(std::move(blob)));
  for (const std::string& content : contents) {
    BESOM_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(content));
    const auto index = shard.Find(digest);
    if (!index || !shard.records()[*index].error.empty()) continue;
    const auto bytes = shard.pixels(*index);
    pixels[content] = {{bytes.begin(), bytes.end()},
                       shard.size(),
                       shard.records()[*index].channels};
  }
  return Status::Ok();
}

}  // namespace

Result<Json> PixelSettingsOf(db::Reader& reader, const db::TrialName& name) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT config FROM trials WHERE sweep = ? AND trial = ?",
                   {name.sweep, name.trial}));
  BESOM_ASSIGN_OR_RETURN(
      const Json config,
      ParseJson(db::TextOf(rows.rows.at(0)[0]), "trial.config"));
  BESOM_ASSIGN_OR_RETURN(const int size, run::ImageSizeOf(config));
  return run::PixelSettings(config.at("ingest"), size);
}

Result<PixelsByContent> LoadStoredPixels(
    const WorkspaceLayout& layout, db::Reader& reader, const std::string& sweep,
    const Json& settings, const std::set<std::string>& contents) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table shards,
      reader.Query("SELECT a.params, b.digest, b.size FROM task k JOIN sweep s "
                   "USING(sweep_id) JOIN action a USING(key) JOIN blob b "
                   "USING(key) WHERE s.name = ? AND k.stage = 'ingest' AND "
                   "b.port = 'pixels' AND b.removed IS NULL",
                   {sweep}));
  BlobStore blobs(layout);
  PixelsByContent pixels;
  for (const auto& row : shards.rows) {
    BESOM_ASSIGN_OR_RETURN(Json params,
                           ParseJson(db::TextOf(row[0]), "action.params"));
    const std::vector<std::string> wanted = ContentsOf(params, contents);
    params.erase("files");
    if (wanted.empty() || params != settings) continue;
    BESOM_ASSIGN_OR_RETURN(const Digest digest,
                           Digest::FromHex(db::TextOf(row[1])));
    Result<Artifact> blob =
        blobs.Get({digest, static_cast<std::uint64_t>(db::IntegerOf(row[2]))});
    if (blob.status().code() == StatusCode::kNotFound) continue;
    if (!blob.ok()) return blob.status();
    BESOM_RETURN_IF_ERROR(ReadShard(*std::move(blob), wanted, pixels));
  }
  return pixels;
}

}  // namespace besom::cli
