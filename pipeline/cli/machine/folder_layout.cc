#include "pipeline/cli/machine/folder_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <optional>
#include <regex>
#include <set>

#include "pipeline/cli/machine/dicom_layout.h"
#include "pipeline/cli/machine/image_csv.h"

namespace besom::cli {
namespace {

namespace fs = std::filesystem;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::vector<Path> Children(const Path& folder, bool folders) {
  std::vector<Path> children;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    const bool is_folder = it->is_directory(ignored);
    if (is_folder == folders && it->path().filename().string()[0] != '.')
      children.push_back(it->path());
  }
  std::sort(children.begin(), children.end());
  return children;
}

std::vector<std::string> ImageNames(const Path& folder) {
  std::vector<std::string> names;
  for (const Path& file : Children(folder, /*folders=*/false)) {
    if (LooksLikeImage(file)) names.push_back(file.filename().string());
  }
  return names;
}

/// The names of the images in a folder.
using NamesIn = std::function<std::vector<std::string>(const Path&)>;

ClassFolders ClassFoldersOf(const Path& folder, const std::string& use,
                            const NamesIn& names_in) {
  ClassFolders part{folder, use, {}, {}};
  for (const Path& child : Children(folder, /*folders=*/true)) {
    const std::vector<std::string> images = names_in(child);
    if (images.empty()) continue;
    part.images[child.filename().string()] = static_cast<int>(images.size());
    part.names.insert(part.names.end(), images.begin(), images.end());
  }
  return part;
}

/// What a data set's own split calls its folders; "" for any other name.
std::string UseOfFolder(const std::string& name) {
  const std::string lower = Lower(name);
  if (lower == "train" || lower == "training") return "train";
  if (lower == "val" || lower == "valid" || lower == "validation")
    return "validation";
  if (lower == "test" || lower == "testing") return "test";
  return "";
}

std::vector<ClassFolders> GivenParts(const Path& folder,
                                     const NamesIn& names_in) {
  std::vector<ClassFolders> parts;
  for (const Path& child : Children(folder, /*folders=*/true)) {
    const std::string use = UseOfFolder(child.filename().string());
    if (use.empty()) continue;
    ClassFolders part = ClassFoldersOf(child, use, names_in);
    if (!part.images.empty()) parts.push_back(std::move(part));
  }
  const auto has = [&](const char* use) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const ClassFolders& p) { return p.use == use; });
  };
  // Without a validation folder, validation is drawn from the training images.
  if (!has("validation") || !has("train")) {
    for (ClassFolders& part : parts) {
      if (part.use == "train") part.use = "auto";
    }
  }
  return parts;
}

Status Unrecognised(const Path& folder) {
  return InvalidError(
      folder.string(), "no images were found in a layout that is known",
      "wanted is one of: a folder per class with .jpg, .png or DICOM files; "
      "train and test folders of such folders; a .csv file whose rows name "
      "images and their labels; DICOM files with a tag that tells classes");
}

/// Given parts, else class folders.
std::vector<ClassFolders> PartsOf(const Path& folder, const NamesIn& names_in) {
  std::vector<ClassFolders> parts = GivenParts(folder, names_in);
  if (!parts.empty()) return parts;
  ClassFolders all = ClassFoldersOf(folder, "auto", names_in);
  if (all.images.size() >= 2) parts.push_back(std::move(all));
  return parts;
}

/// Whether a folder is one patient's: archives have one for each.
bool HasFolderOfOnePatient(const std::vector<ClassFolders>& parts,
                           const DicomFiles& files) {
  for (const ClassFolders& part : parts)
    for (const auto& [name, count] : part.images)
      if (files.PatientsBelow(part.path / name).size() == 1) return true;
  return false;
}

bool TestSharesPatients(const std::vector<ClassFolders>& parts,
                        const DicomFiles& files) {
  std::set<std::string> test, other;
  for (const ClassFolders& part : parts)
    (part.use == "test" ? test : other).merge(files.PatientsBelow(part.path));
  return std::any_of(test.begin(), test.end(), [&](const std::string& patient) {
    return other.count(patient) != 0;
  });
}

/// kInvalid when the DICOM files of the folder tell no classes.
Status FindDicom(FolderLayout& layout) {
  BESOM_ASSIGN_OR_RETURN(const DicomFiles files, DicomFiles::Find(layout.path));
  if (files.empty()) return Status::Ok();
  layout.parts = PartsOf(layout.path, [&](const Path& folder) {
    return files.NamesBelow(folder);
  });
  if (!layout.parts.empty() && !HasFolderOfOnePatient(layout.parts, files)) {
    layout.dicom = true;
    layout.test_shares_patients = TestSharesPatients(layout.parts, files);
    return Status::Ok();
  }
  layout.parts.clear();
  layout.dicom_labels = files.GuessLabels();
  if (!layout.dicom_labels.tag.empty()) return Status::Ok();
  return InvalidError(
      layout.path.string(), "nothing tells the classes of its DICOM files",
      "give a folder per class, or write a sweep with label_tag or table: see "
      "dicom_folder in sweeps/SWEEP_YAML.md");
}

/// Adds the first CSV file whose rows name images.
void FindTable(FolderLayout& layout) {
  for (const Path& file : Children(layout.path, /*folders=*/false)) {
    if (Lower(file.extension().string()) != ".csv") continue;
    std::optional<ImageTableFile> table = RecogniseImageCsv(file);
    if (!table) continue;
    layout.table.push_back(std::move(*table));
    return;
  }
}

/// The patients of a part by `pattern`, one entry per name that it fits.
std::vector<std::string> GroupsOf(const ClassFolders& part,
                                  const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<std::string> groups;
  for (const std::string& name : part.names) {
    std::smatch match;
    if (std::regex_search(name, match, expression))
      groups.push_back(match.str(0));
  }
  return groups;
}

bool TestSharesGroups(const FolderLayout& layout) {
  std::set<std::string> test;
  std::vector<std::string> other;
  for (const ClassFolders& part : layout.parts) {
    for (const std::string& group : GroupsOf(part, layout.group_pattern)) {
      if (part.use == "test")
        test.insert(group);
      else
        other.push_back(group);
    }
  }
  return std::any_of(other.begin(), other.end(), [&](const std::string& group) {
    return test.count(group) != 0;
  });
}

}  // namespace

std::vector<std::string> FolderLayout::Classes() const {
  std::set<std::string> classes;
  for (const ClassFolders& part : parts) {
    for (const auto& [name, count] : part.images) classes.insert(name);
  }
  for (const ImageTableFile& file : table) {
    for (const auto& [name, count] : file.labels) classes.insert(name);
  }
  for (const auto& [name, count] : dicom_labels.images) classes.insert(name);
  return {classes.begin(), classes.end()};
}

int FolderLayout::Images() const {
  int images = 0;
  for (const ClassFolders& part : parts) {
    for (const auto& [name, count] : part.images) images += count;
  }
  for (const ImageTableFile& file : table) {
    for (const auto& [name, count] : file.labels) images += count;
  }
  for (const auto& [name, count] : dicom_labels.images) images += count;
  return images;
}

bool LooksLikeImage(const Path& file) {
  const std::string ending = Lower(file.extension().string());
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

void GuessGroups(FolderLayout& layout) {
  // The Kaggle set's two forms, NIH ChestX-ray8, and ids that say so.
  constexpr std::array<const char*, 4> kPatterns = {
      "^(person\\d+)_|^(?:NORMAL2-)?(IM-\\d+)-", "^(\\d+)_",
      "^([Pp]atient[-_]?\\d+)[-_]", "^([Ss]ub(?:ject)?[-_]?\\d+)[-_]"};
  std::size_t names = 0;
  for (const ClassFolders& part : layout.parts) names += part.names.size();
  for (const char* pattern : kPatterns) {
    std::size_t matched = 0;
    std::set<std::string> groups;
    for (const ClassFolders& part : layout.parts) {
      const std::vector<std::string> found = GroupsOf(part, pattern);
      matched += found.size();
      groups.insert(found.begin(), found.end());
    }
    if (matched * 10 < names * 9 || groups.size() >= matched) continue;
    layout.group_pattern = pattern;
    layout.all_names_match = matched == names;
    layout.test_shares_patients = TestSharesGroups(layout);
    return;
  }
}

Result<FolderLayout> InspectFolder(const Path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    return InvalidError(folder.string(), "there is no such folder");
  FolderLayout layout;
  layout.path = folder;
  layout.parts = PartsOf(folder, ImageNames);
  if (layout.parts.empty()) FindTable(layout);
  if (layout.Classes().empty()) BESOM_RETURN_IF_ERROR(FindDicom(layout));
  const std::vector<std::string> classes = layout.Classes();
  if (classes.empty()) return Unrecognised(folder);
  if (classes.size() == 1)
    return InvalidError(
        folder.string(),
        fmt::format("all {} images have the same label, {}", layout.Images(),
                    classes[0]),
        "name a folder with images of two classes or more; a sweep may also "
        "join several sources, see sweeps/examples/covid-xray.yaml");
  // DICOM files say themselves whose they are.
  if (!layout.dicom) GuessGroups(layout);
  return layout;
}

}  // namespace besom::cli
