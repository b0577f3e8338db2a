#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "pipeline/base/digest.h"

namespace besom {

/// Parameters and records that cross folders, processes and disks. Objects
/// keep their keys sorted, so equal values have equal text.
using Json = nlohmann::json;

/// The one text of `value` that digests are made of: keys sorted, no spaces,
/// doubles by the shortest digits that read back equal. An integer and a
/// double of the same value differ, so a schema fixes each key's type first.
std::string CanonicalText(const Json& value);

/// SHA-256 of the canonical text.
Digest DigestOfJson(const Json& value);

/// Parses JSON text that besom itself wrote; `place` names it in the error
/// (kCorrupt).
Result<Json> ParseJson(std::string_view text, std::string_view place);

/// Looks up a dotted path ("model.head"); null when a part is missing.
const Json* FindPath(const Json& root, std::string_view dotted);
/// Sets a dotted path, making objects on the way.
void SetPath(Json& root, std::string_view dotted, Json value);

}  // namespace besom
