#include "pipeline/run/known_outputs.h"

#include <optional>
#include <set>
#include <string>

#include "pipeline/store/blob_search.h"

namespace besom::run {

Result<TaskOutputs> OutputsOf(const db::ActionRow& action,
                              const BlobStore& blobs) {
  TaskOutputs outputs;
  for (const db::BlobRow& row : action.blobs) {
    if (row.removed)
      return Status(StatusCode::kNotFound, row.digest, "the blob was removed");
    const Result<Digest> digest = Digest::FromHex(row.digest);
    if (!digest.ok() || !blobs.Has({*digest, row.size}))
      return Status(StatusCode::kNotFound, row.digest, "the blob is gone");
    outputs.push_back({row.port, {*digest, row.size}});
  }
  return outputs;
}

std::vector<BlobRef> BlobsOf(const db::ActionRow& action) {
  std::vector<BlobRef> blobs;
  for (const db::BlobRow& row : action.blobs) {
    const Result<Digest> digest = Digest::FromHex(row.digest);
    if (digest.ok() && !row.removed) blobs.push_back({*digest, row.size});
  }
  return blobs;
}

Status AwaitKnown(const SweepGraph& sweep, db::ResultsStore& results,
                  const BlobStore& blobs, const std::function<bool()>& stop) {
  if (blobs.patience().seconds <= 0) return Status::Ok();
  std::vector<std::string> keys;
  std::set<std::string> spaces;
  for (TaskId task = 0; task < sweep.graph.size(); ++task) {
    keys.push_back(sweep.graph[task].key.Hex());
    if (const std::string& space = sweep.graph[task].space; !space.empty())
      spaces.insert(space);
  }
  std::vector<BlobRef> wanted;
  const auto want = [&](const db::ActionRow& action) {
    for (const BlobRef& blob : BlobsOf(action)) wanted.push_back(blob);
  };
  BESOM_ASSIGN_OR_RETURN(const auto planned, results.FindActionsByKey(keys));
  for (const std::optional<db::ActionRow>& action : planned)
    if (action) want(*action);
  for (const std::string& space : spaces) {
    BESOM_ASSIGN_OR_RETURN(const std::vector<db::ActionRow> actions,
                           results.FindActions("features", space));
    for (const db::ActionRow& action : actions) want(action);
  }
  return BlobSearch(blobs).Await(wanted, stop).status();
}

Result<bool> WantsViews(const SweepGraph& sweep, const PlannedData& data,
                        db::ResultsStore* results,
                        const WorkspaceLayout& layout) {
  if (results == nullptr) return true;
  BESOM_ASSIGN_OR_RETURN(
      const std::optional<db::ActionRow> action,
      results->FindAction(sweep.graph[data.augment].key.Hex()));
  if (!action || !action->removed()) return true;
  return !StatFile(layout.contact_sheet(sweep.name)).ok();
}

Result<bool> IsAudited(const SweepGraph& sweep, db::ResultsStore& results) {
  const std::optional<TaskId> audit = sweep.data[0].audit;
  if (!audit) return true;
  BESOM_ASSIGN_OR_RETURN(const std::optional<db::ActionRow> action,
                         results.FindAction(sweep.graph[*audit].key.Hex()));
  return action.has_value();
}

}  // namespace besom::run
