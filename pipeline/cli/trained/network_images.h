#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/trained/trained_trial.h"
#include "pipeline/store/workspace_layout.h"
#include "stages/data/canvas.h"

namespace besom::cli {

/// The picture as networks of ScriptProgram take it: RGB, channels first.
std::vector<std::uint8_t> PlanesOf(const stages::SheetTile& picture);

/// The pixels that a trial's network sees of `image`: a file, which is decoded
/// and resized, or an image of the sweep (SOURCE/PATH), from the store.
/// kInvalid when it is neither.
Result<stages::SheetTile> LoadNetworkImage(const WorkspaceLayout& layout,
                                           db::Reader& reader,
                                           const TrainedTrial& trial,
                                           const std::string& image);

}  // namespace besom::cli
