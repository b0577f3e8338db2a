#include "pipeline/cli/machine/folder_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <regex>
#include <set>

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

/// Class folders below `folder`; adds the images' names to `names`.
ClassFolders ClassFoldersOf(const Path& folder, const std::string& use,
                            std::vector<std::string>& names) {
  ClassFolders part{folder, use, {}};
  for (const Path& child : Children(folder, /*folders=*/true)) {
    const std::vector<std::string> images = ImageNames(child);
    if (images.empty()) continue;
    part.images[child.filename().string()] = static_cast<int>(images.size());
    names.insert(names.end(), images.begin(), images.end());
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
                                     std::vector<std::string>& names) {
  std::vector<ClassFolders> parts;
  for (const Path& child : Children(folder, /*folders=*/true)) {
    const std::string use = UseOfFolder(child.filename().string());
    if (use.empty()) continue;
    ClassFolders part = ClassFoldersOf(child, use, names);
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
      "wanted is one of: a folder per class with .jpg or .png files; train and "
      "test folders of such folders; a .csv file whose rows name images and "
      "their labels");
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
  return images;
}

bool LooksLikeImage(const Path& file) {
  const std::string ending = Lower(file.extension().string());
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

std::string GuessGroupPattern(const std::vector<std::string>& names,
                              bool* all_match) {
  // The Kaggle set's two forms, NIH ChestX-ray8, and ids that say so.
  constexpr std::array<const char*, 4> kPatterns = {
      "^(person\\d+)_|^(?:NORMAL2-)?(IM-\\d+)-", "^(\\d+)_",
      "^(patient[-_]?\\d+)[-_]", "^(sub(?:ject)?[-_]?\\d+)[-_]"};
  for (const char* pattern : kPatterns) {
    const std::regex expression(pattern, std::regex::icase);
    std::set<std::string> groups;
    std::size_t matched = 0;
    for (const std::string& name : names) {
      std::smatch match;
      if (!std::regex_search(name, match, expression)) continue;
      ++matched;
      groups.insert(match.str(0));
    }
    if (matched * 10 < names.size() * 9 || groups.size() >= matched) continue;
    *all_match = matched == names.size();
    return pattern;
  }
  return "";
}

Result<FolderLayout> InspectFolder(const Path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    return InvalidError(folder.string(), "there is no such folder");
  FolderLayout layout;
  layout.path = folder;
  std::vector<std::string> names;
  layout.parts = GivenParts(folder, names);
  if (layout.parts.empty()) {
    names.clear();
    ClassFolders all = ClassFoldersOf(folder, "auto", names);
    if (all.images.size() >= 2) layout.parts.push_back(std::move(all));
  }
  if (layout.parts.empty()) {
    for (const Path& file : Children(folder, /*folders=*/false)) {
      if (Lower(file.extension().string()) != ".csv") continue;
      std::optional<ImageTableFile> table = RecogniseImageCsv(file);
      if (!table) continue;
      layout.table.push_back(std::move(*table));
      return layout;
    }
    return Unrecognised(folder);
  }
  if (layout.Classes().size() < 2) return Unrecognised(folder);
  layout.group_pattern = GuessGroupPattern(names, &layout.all_names_match);
  return layout;
}

}  // namespace besom::cli
