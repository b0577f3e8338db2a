#pragma once

#include <string>
#include <string_view>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "sweeps/environment.h"

namespace besom::sweeps {

/// Reads sets as `evaluate.external` lists them, for a trial that exists: one
/// map, or a list of maps, with the keys, defaults and checks of a sweep's.
/// `config` is the trial's: its classes, and the names that are taken.
/// `origin` names the text in errors; with `is_file` places have lines.
/// Relative paths start from `folder`. Returns the list with every default;
/// kInvalid for what is wrong with it. Writes nothing.
Result<Json> ReadExternalSets(std::string_view text, const std::string& origin,
                              bool is_file, const Path& folder,
                              const Json& config,
                              const Environment& environment);

}  // namespace besom::sweeps
