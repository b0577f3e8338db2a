#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// A folder with one folder of images per class.
struct ClassFolders {
  Path path;                          ///< As found, below the folder given.
  std::string use;                    ///< auto | train | validation | test.
  std::map<std::string, int> images;  ///< Class folder -> images in it.
  std::vector<std::string> names;     ///< Of all its image files.
};

/// A CSV file whose rows name images.
struct ImageTableFile {
  Path path;
  std::string image_folder;  ///< Relative to the file's; "" = the same.
  std::string image_column;
  std::string label_column;
  std::string group_column;           ///< Empty: none was recognised.
  std::map<std::string, int> labels;  ///< Label -> rows.
};

/// A DICOM tag that tells classes.
struct DicomLabels {
  std::string tag;                    ///< Its keyword.
  std::map<std::string, int> images;  ///< Value -> images.
};

/// How a folder of images is laid out; one of `parts`, `table` and
/// `dicom_labels` is filled.
struct FolderLayout {
  Path path;
  std::vector<ClassFolders> parts;
  std::vector<ImageTableFile> table;  ///< At most one.
  bool dicom = false;                 ///< The images of `parts` are DICOM.
  DicomLabels dicom_labels;           ///< Of DICOM images below `path`.
  /// A regular expression whose first group tells the patient, when the file
  /// names look like it; else empty.
  std::string group_pattern;
  bool all_names_match = false;  ///< Every file name fits the pattern.
  /// By that pattern a patient has images in the test part and in another.
  bool test_shares_patients = false;

  std::vector<std::string> Classes() const;
  int Images() const;
};

/// Looks for class folders, for train / validation / test folders of class
/// folders, and for a CSV file beside images, in this order; then for DICOM
/// files, in class folders (such hold several patients) or with a tag that
/// tells classes. Reads names, of CSV files the rows, of DICOM files the
/// headers; no image. kInvalid says what was expected.
Result<FolderLayout> InspectFolder(const Path& folder);

/// True for a name that ends like a JPEG or PNG image.
bool LooksLikeImage(const Path& file);

/// Sets group_pattern to the one among well-known ones that fits nine of ten
/// names of `layout.parts` and puts several of them together, with what
/// follows from it; leaves it empty when none does.
void GuessGroups(FolderLayout& layout);

}  // namespace besom::cli
