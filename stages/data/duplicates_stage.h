#pragma once

#include <string_view>

#include "stages/stage.h"

namespace besom::stages {

/// Finds the pairs of files that show the same picture.
///
/// params: {} (what is a duplicate is no setting; version() names the rules)
/// in:     "thumbnails" (ThumbnailShard), one of each ingest task
/// hints:  {threads}
/// out:    {"duplicates": NearPairs}; counters {images, candidates, pairs}
///
/// A stage of its own, since it depends on the files only: all splits of all
/// sweeps over the same images share it. See near_duplicates.h.
class DuplicatesStage final : public Stage {
 public:
  std::string_view name() const noexcept override { return "duplicates"; }
  int version() const noexcept override { return 1; }
  Result<StageOutput> Run(const StageInput& input) override;
};

}  // namespace besom::stages
