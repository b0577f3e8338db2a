#pragma once

#include <map>
#include <set>
#include <string>

#include "db/reader.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/store/workspace_layout.h"
#include "stages/data/canvas.h"

namespace besom::cli {

/// Pixels by the content digest of the file that they are of, hex.
using PixelsByContent = std::map<std::string, stages::SheetTile>;

/// The settings that decide the pixels which a trial's network saw
/// (run::PixelSettings).
Result<Json> PixelSettingsOf(db::Reader& reader, const db::TrialName& name);

/// The pixels that `sweep` keeps of these files, as its networks saw them.
/// `settings`: run::PixelSettings. What is not in the store (any more) is not
/// in the answer.
Result<PixelsByContent> LoadStoredPixels(const WorkspaceLayout& layout,
                                         db::Reader& reader,
                                         const std::string& sweep,
                                         const Json& settings,
                                         const std::set<std::string>& contents);

}  // namespace besom::cli
