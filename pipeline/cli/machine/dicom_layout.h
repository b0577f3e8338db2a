#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/machine/folder_layout.h"

namespace besom::cli {

/// The DICOM files below a folder, told by their contents, and what their
/// headers say.
class DicomFiles {
 public:
  /// Goes through all files below `folder`; headers are read, pixels are not.
  /// Those that are no DICOM files, or damaged, are passed over. kUnavailable
  /// when there are some and DICOM cannot be read here.
  static Result<DicomFiles> Find(const Path& folder);

  bool empty() const { return files_.empty(); }
  /// Paths, within the folder given to Find, of those at any depth below
  /// `folder`, which is that one or below it.
  std::vector<std::string> NamesBelow(const Path& folder) const;
  /// The patients of these. An image without one is not counted.
  std::set<std::string> PatientsBelow(const Path& folder) const;
  /// The first of some tags that look like classes: two to twenty values, each
  /// of several images and, where patients are told, of several patients. Its
  /// `tag` is empty when there is none.
  DicomLabels GuessLabels() const;

 private:
  struct File {
    std::string path;
    std::string patient;
    std::vector<std::string> labels;  ///< Of the tags that may hold classes.
  };
  explicit DicomFiles(Path folder) : folder_(std::move(folder)) {}
  std::vector<const File*> Below(const Path& folder) const;

  Path folder_;
  std::vector<File> files_;
};

}  // namespace besom::cli
