#pragma once

#include <vector>

#include "pipeline/base/json.h"
#include "sweeps/consistency.h"

namespace besom::sweeps {

/// What is wrong with `ingest.sources` and `evaluate.external` of a document:
/// names, labels that are no class, ways of telling groups. Appends.
void CheckSources(const Json& config, std::vector<Conflict>& conflicts);

/// The sources and external sets of a document with their paths.
struct SourceRef {
  std::string path;  ///< "ingest.sources.0".
  const Json* source = nullptr;
  bool external = false;
};
/// The pointers live as long as `config`.
std::vector<SourceRef> SourcesOf(const Json& config);

/// The default of `patients`, which depends on another key: the source's name.
void FillPatients(Json& sources);

/// The text at `key` of an object; empty when it is missing or no text.
std::string TextAt(const Json& object, const char* key);

}  // namespace besom::sweeps
