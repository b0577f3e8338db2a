#pragma once

#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// The images that one PATH of `predict` names.
struct ImageList {
  std::string title;        ///< The argument.
  std::vector<Path> files;  ///< Some may not exist: rows with a reason.
  std::vector<std::optional<int>> actual;  ///< Class index, parallel to files.
};

/// Folders that mean a class, their names in lower case.
using LabelFolders = std::map<std::string, int>;

/// Folder names that mean a class to a trial of this configuration: the
/// classes' own names, in any case, and what the sources' `labels` map to them.
LabelFolders LabelFoldersOf(const Json& config);

/// The class index of a folder's name; none where it means no class.
std::optional<int> FindLabelFolder(const LabelFolders& labels,
                                   const std::string& folder);

/// What standard input is, where a PATH is `-`.
struct NamesInput {
  std::istream& stream;
  char end = '\n';  ///< After each name; or NUL.
};

/// Lists what `argument` names: a file; a folder, with the files below it that
/// are images by their ending, or by content where they have none, sorted; a
/// pattern of glob(7) where there is no such file, its matches sorted; `-`, the
/// names that standard input gives, in their order, each a file or a folder. A
/// folder's first level gives the true class where it is called as one.
/// kInvalid when there is no such file or match, or a folder without images.
/// Names of standard input that are no files stay in the list.
Result<ImageList> ListImages(const std::string& argument,
                             const LabelFolders& labels,
                             const NamesInput& names);

}  // namespace besom::cli
