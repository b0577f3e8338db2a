#include "stages/data/scan_folder.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "stages/data/decode.h"

namespace besom::stages {
namespace {

/// A folder's identity, however it is reached.
using FolderId = std::pair<dev_t, ino_t>;

bool IsIgnored(std::string_view name) {
  constexpr std::array<std::string_view, 3> kLitter = {
      "Thumbs.db", "desktop.ini", "__MACOSX"};
  return name.starts_with('.') ||
         std::ranges::find(kLitter, name) != kLitter.end();
}

/// Walks a tree of folders; `above` are the folders that hold the current one.
class Walk {
 public:
  std::error_code List(const Path& folder, const std::string& prefix) {
    std::error_code error;
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0)
      return {errno, std::generic_category()};
    above_.emplace_back(info.st_dev, info.st_ino);
    std::filesystem::directory_iterator it(folder, error);
    while (!error && it != std::filesystem::directory_iterator()) {
      Visit(it->path(), prefix);
      it.increment(error);
    }
    above_.pop_back();
    return error;
  }

  std::vector<FolderItem> Sorted() && {
    std::ranges::sort(items_, {}, &FolderItem::path);
    return std::move(items_);
  }

 private:
  void Visit(const Path& file, const std::string& prefix) {
    const std::string name = file.filename().string();
    if (IsIgnored(name)) return;
    const std::string path = prefix.empty() ? name : prefix + "/" + name;
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) {
      items_.push_back({path, file,
                        "it cannot be looked at (a link to "
                        "nothing?)"});
    } else if (S_ISDIR(info.st_mode)) {
      if (std::ranges::find(above_, FolderId{info.st_dev, info.st_ino}) !=
          above_.end()) {
        items_.push_back({path, file, "a link back to a folder above it"});
      } else if (const std::error_code error = List(file, path)) {
        items_.push_back({path, file,
                          fmt::format("the folder cannot be read: "
                                      "{}",
                                      error.message())});
      }
    } else {
      items_.push_back(
          {path, file, S_ISREG(info.st_mode) ? "" : "not a regular file"});
    }
  }

  std::vector<FolderId> above_;
  std::vector<FolderItem> items_;
};

/// Fills label or reason from the first folder level.
void SetFolderLabel(const SourceSettings& source, std::string_view path,
                    ScanEntry& entry) {
  if (!source.label.empty()) {
    entry.label = source.label;
    return;
  }
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) {
    entry.left_out = "it is not within a folder named as its label";
    return;
  }
  LabelVerdict verdict = LabelOf(source, path.substr(0, slash));
  entry.label = std::move(verdict.label);
  entry.left_out = std::move(verdict.left_out);
}

}  // namespace

Result<std::vector<FolderItem>> ListFolder(const Path& folder) {
  Walk walk;
  if (const std::error_code error = walk.List(folder, ""))
    return IoError(folder.string(), fmt::format("the folder cannot be read: {}",
                                                error.message()));
  return std::move(walk).Sorted();
}

Status CheckFolder(const SourceSettings& source, std::string_view key,
                   const Path& folder) {
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return Status::Ok();
  const bool exists = std::filesystem::exists(folder, error);
  return InvalidError(
      fmt::format("{}.{}", source.place, key),
      fmt::format("source '{}': {} {}", source.name, folder.string(),
                  exists ? "is not a folder" : "does not exist"),
      "correct the path, or the variable that it is made of");
}

FoundImage NewImage(const SourceSettings& source, std::string_view path,
                    Path file) {
  FoundImage image;
  image.file = std::move(file);
  image.entry.source = source.name;
  image.entry.external = source.external;
  image.entry.path = EscapedUtf8(path);
  image.entry.patients = source.patients;
  image.entry.use = source.use;
  image.entry.overlap = source.overlap;
  if (!IsUtf8(path)) image.entry.left_out = "its name is not UTF-8";
  return image;
}

Result<std::vector<FoundImage>> ScanImageFolder(const SourceSettings& source) {
  BESOM_RETURN_IF_ERROR(CheckFolder(source, "path", source.path));
  BESOM_ASSIGN_OR_RETURN(std::vector<FolderItem> items,
                         ListFolder(source.path));
  std::vector<FoundImage> images;
  for (FolderItem& item : items) {
    FoundImage image = NewImage(source, item.path, item.file);
    ScanEntry& entry = image.entry;
    const std::string name = item.file.filename().string();
    if (!item.problem.empty())
      entry.left_out = item.problem;
    else if (!HasImageExtension(name))
      entry.left_out = "not an image that besom reads";
    else if (entry.left_out.empty())
      SetFolderLabel(source, item.path, entry);
    if (entry.left_out.empty() && source.group_pattern != nullptr)
      entry.group = MatchGroup(source, name).value_or("");
    images.push_back(std::move(image));
  }
  return images;
}

}  // namespace besom::stages
