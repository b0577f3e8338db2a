#pragma once

#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "sweeps/diagnostics.h"
#include "sweeps/environment.h"

namespace besom::sweeps {

/// Keys of one document that do not fit together.
struct Conflict {
  /// The keys concerned, the one to point at first; elements of lists as
  /// numbers ("ingest.sources.0.labels.NORMAL").
  std::vector<std::string> paths;
  std::string cause;
  std::string cure;
};

/// What in a document with canonical types does not fit together: classes that
/// do not exist, shares above 1, patterns that do not compile, selection on
/// test, weights without an entry for the backbone ... Pure. Tolerates missing
/// keys (they were reported when the document was read).
std::vector<Conflict> CheckConsistency(const Json& config);

/// Files and folders that the document names and that do not exist.
std::vector<Conflict> CheckFiles(const Json& config,
                                 const Environment& environment);

/// True when an axis over `path` may make or heal a conflict.
bool IsCheckedPath(const std::string& path);

/// True when one path is the other or stands above it.
bool Overlap(const std::string& a, const std::string& b);

}  // namespace besom::sweeps
