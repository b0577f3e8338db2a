#pragma once

#include <string_view>

#include "pipeline/base/digest.h"
#include "pipeline/base/files.h"

namespace besom {

/// Makes every file name of a workspace; nothing else spells one.
class WorkspaceLayout {
 public:
  explicit WorkspaceLayout(Path root) : root_(std::move(root)) {}

  const Path& root() const { return root_; }
  Path database() const { return root_ / "besom.db"; }
  Path store() const { return root_ / "store"; }
  /// store/blobs.v1/ab/abcd...: two digits keep folders small.
  Path blob(const Digest& digest) const;
  Path locks() const { return store() / "locks"; }
  /// Held by each run of sweep `name` for its life.
  Path sweep_lock(std::string_view name) const;
  Path logs() const { return root_ / "logs"; }
  Path rank_log(int rank) const;
  /// Contact sheet of the views of sweep `name`, for people.
  Path contact_sheet(std::string_view name) const;

 private:
  Path root_;
};

}  // namespace besom
