#include "pipeline/run/prior_rows.h"

#include <set>
#include <string>

namespace besom::run {

Result<PriorRows> FindPriorRows(const SweepGraph& sweep,
                                db::ResultsStore& results,
                                const BlobStore& blobs) {
  std::set<std::string> spaces, planned;
  for (TaskId task = 0; task < sweep.graph.size(); ++task) {
    const TaskNode& node = sweep.graph[task];
    if (node.space.empty()) continue;
    spaces.insert(node.space);
    planned.insert(node.key.Hex());
  }
  PriorRows rows;
  for (const std::string& space : spaces) {
    BESOM_ASSIGN_OR_RETURN(const std::vector<db::ActionRow> actions,
                           results.FindActions("features", space));
    for (const db::ActionRow& action : actions) {
      if (planned.contains(action.key) || action.blobs.empty() ||
          action.removed())
        continue;
      BESOM_ASSIGN_OR_RETURN(const Digest digest,
                             Digest::FromHex(action.blobs[0].digest));
      const BlobRef blob{digest, action.blobs[0].size};
      if (!blobs.Has(blob)) continue;
      BESOM_ASSIGN_OR_RETURN(const Json params,
                             ParseJson(action.params, action.label));
      for (const Json& content : params.at("contents"))
        rows[space][content.get<std::string>()].push_back(blob);
    }
  }
  return rows;
}

}  // namespace besom::run
