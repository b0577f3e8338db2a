#include "stages/data/duplicates_stage.h"

#include <algorithm>
#include <utility>

#include "stages/data/near_duplicates.h"

namespace besom::stages {

Result<StageOutput> DuplicatesStage::Run(const StageInput& input) {
  std::vector<ThumbnailShard> shards;
  if (const auto port = input.artifacts.find("thumbnails");
      port != input.artifacts.end())
    for (const Artifact& artifact : port->second) {
      BESOM_ASSIGN_OR_RETURN(ThumbnailShard shard,
                             ThumbnailShard::Open(artifact));
      shards.push_back(std::move(shard));
    }
  const NearSearch search = FindNearDuplicates(
      shards, std::max(1, input.hints.value("threads", 1)), input.progress);
  if (search.stopped)
    return Status(StatusCode::kInterrupted, "duplicates", "asked to stop");
  StageOutput output;
  output.counters = {{"images", search.compared},
                     {"candidates", search.candidates},
                     {"pairs", search.found.pairs.size()}};
  output.blobs.emplace("duplicates", CanonicalText(search.found.ToJson()));
  return output;
}

}  // namespace besom::stages
