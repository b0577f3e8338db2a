#include "pipeline/store/own_layout.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace besom {
namespace {

bool CanBeMade(const WorkspaceLayout& layout) {
  return MakeFolders(layout.blobs()).ok() &&
         ::access(layout.blobs().c_str(), W_OK) == 0;
}

}  // namespace

Result<WorkspaceLayout> MakeOwnLayout(const WorkspaceLayout& shared) {
  if (CanBeMade(shared)) return shared;
  std::error_code ignored;
  const Path root = std::filesystem::absolute(shared.root(), ignored);
  const char* const named = std::getenv("TMPDIR");
  const WorkspaceLayout own(
      Path(named != nullptr && *named != '\0' ? named : "/tmp") /
      fmt::format("besom-{}", ::getuid()) /
      DigestOf(root.string()).Hex().substr(0, 16));
  BESOM_RETURN_IF_ERROR(MakeFolders(own.blobs()));
  return own;
}

}  // namespace besom
