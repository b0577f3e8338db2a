#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/trained/trained_trial.h"
#include "pipeline/store/workspace_layout.h"
#include "stages/data/image_table.h"
#include "stages/data/split_stage.h"
#include "stages/data/split_table.h"
#include "stages/data/thumbnail_shard.h"

namespace besom::cli {

/// What the store keeps of the images that a trial met.
struct KnownImages {
  stages::SplitTable split;
  /// Of those that are in the store.
  stages::DecodingOutcomes decoded;
  std::vector<stages::ThumbnailShard> thumbnails;
  /// Images of the split of which there is no thumbnail (any more).
  std::size_t unseen = 0;
};

/// Finds the split that the trial was trained by, and the images of it. Reads
/// only. kNotFound, with the cure, when the split is not in the store any more.
Result<KnownImages> FindKnownImages(const WorkspaceLayout& layout,
                                    db::Reader& reader,
                                    const TrainedTrial& trial);

/// A set's name stands for its images: kInvalid where other trials of the sweep
/// were evaluated on other images of this name than `scan` has.
Status CheckSetName(db::Reader& reader, const TrainedTrial& trial,
                    const stages::SourceScan& scan, const std::string& set);

}  // namespace besom::cli
