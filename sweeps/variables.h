#pragma once

#include "sweeps/diagnostics.h"
#include "sweeps/environment.h"
#include "sweeps/yaml_reader.h"

namespace besom::sweeps {

/// Replaces `${NAME}` and `${NAME:-default}` in every value below `node` (not
/// in keys) by the environment's variables; the default is taken when the
/// variable is unset or empty, as in a shell. `$${` stands for `${`. An unset
/// variable without a default and a broken `${` are findings.
void ExpandVariables(YamlNode& node, const Environment& environment,
                     Findings& findings);

}  // namespace besom::sweeps
