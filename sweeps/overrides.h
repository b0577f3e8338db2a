#pragma once

#include <string>

#include "sweeps/diagnostics.h"
#include "sweeps/schema.h"
#include "sweeps/yaml_reader.h"

namespace besom::sweeps {

/// Puts `path=value` of --set into the document, in place of what stands
/// there. The path: see LoadSweep. Findings have the place "--set PATH".
void ApplyOverride(const std::string& text, const Schema& schema,
                   YamlNode& document, Findings& findings);

}  // namespace besom::sweeps
