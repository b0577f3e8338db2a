#pragma once

#include <string>
#include <string_view>

#include "pipeline/cli/machine/folder_layout.h"

namespace besom::cli {

/// A first sweep over the images of `layout`, with comments, as YAML. Paths in
/// it are relative to `yaml_folder` (absolute) where that is possible.
std::string StarterYaml(const FolderLayout& layout, const Path& yaml_folder);

/// `text` as a YAML value that a sweep reads back as this very text.
std::string YamlText(std::string_view text);

/// A sweep's name made from a folder's.
std::string SweepName(const Path& folder);

}  // namespace besom::cli
