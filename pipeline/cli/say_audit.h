#pragma once

#include <string>

#include "pipeline/store/workspace_layout.h"

namespace besom::cli {

/// Prints what the shortcut audit of a sweep found, line by line; nothing where
/// there is none. A database that cannot be read is said in the log.
void SayAudit(const WorkspaceLayout& layout, const std::string& sweep);

}  // namespace besom::cli
