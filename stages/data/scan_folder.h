#pragma once

#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/data/scan_settings.h"

namespace besom::stages {

/// One image of a source, and where it lies.
struct FoundImage {
  ScanEntry entry;
  Path file;  ///< Absolute; empty for phantoms.
};

/// What a folder holds, at any depth.
struct FolderItem {
  std::string path;     ///< Within the folder, '/' between parts, any bytes.
  Path file;            ///< Absolute.
  std::string problem;  ///< Why it cannot be an image; empty = a file.
};

/// Lists the files under `folder`, sorted by path. Links are followed; a link
/// back to a folder above it, a dangling link, an unreadable folder and what
/// is not a regular file are items with a problem. Hidden names (a leading
/// dot), Thumbs.db, desktop.ini and __MACOSX are not listed.
/// kIo when `folder` itself cannot be listed.
Result<std::vector<FolderItem>> ListFolder(const Path& folder);

/// kInvalid naming `key` of the source when `folder` is not a folder.
Status CheckFolder(const SourceSettings& source, std::string_view key,
                   const Path& folder);

/// An entry of that source with nothing known but its path; left out at once
/// when the path is not UTF-8.
FoundImage NewImage(const SourceSettings& source, std::string_view path,
                    Path file);

/// Finds the images of an `image_folder` source, sorted by path; groups are
/// filled where a pattern matches.
Result<std::vector<FoundImage>> ScanImageFolder(const SourceSettings& source);

/// Finds the images of a `metadata_csv` or `csv` source, sorted by path; groups
/// are filled where the column or the pattern tells them.
Result<std::vector<FoundImage>> ScanTable(const SourceSettings& source);

}  // namespace besom::stages
