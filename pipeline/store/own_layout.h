#pragma once

#include "pipeline/store/workspace_layout.h"

namespace besom {

/// Where a host that does not see rank 0's workspace keeps blobs: in the folder
/// of the same name on its own disk, or where that cannot be made, in one under
/// $TMPDIR (or /tmp) that is this user's and this workspace's own. Made when it
/// returns. kIo when neither can be.
Result<WorkspaceLayout> MakeOwnLayout(const WorkspaceLayout& shared);

}  // namespace besom
