#pragma once

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/data/phantom_anatomy.h"

namespace besom::stages {

/// The generator of a picture: {"phantom": version, "seed", "kind",
/// "patient", "view", "size", "difficulty"}, and "planted": true where it
/// carries the planted marker.
Json GeneratorOf(const PhantomSpec& spec);

/// Reads it back; kInvalid when it is ill-formed, kUnavailable when another
/// version of besom wrote it.
Result<PhantomSpec> PhantomSpecOf(const Json& generator);

}  // namespace besom::stages
