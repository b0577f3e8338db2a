#include "pipeline/cli/predict_inputs.h"

#include <glob.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "stages/data/decode.h"

namespace besom::cli {
namespace {

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool IsFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

void AddFile(const Path& file, ImageList& list) {
  list.files.push_back(file);
  list.actual.emplace_back();
}

Status AddFolder(const std::string& folder, const LabelFolders& labels,
                 ImageList& list) {
  std::error_code error;
  std::vector<Path> files;
  std::filesystem::recursive_directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error))
    if (it->is_regular_file(error) && stages::IsImageFile(it->path()))
      files.push_back(it->path());
  if (error) return IoError(folder, error.message());
  if (files.empty())
    return InvalidError(folder, "holds no image that besom reads");
  std::sort(files.begin(), files.end());
  for (const Path& file : files) {
    const Path relative = file.lexically_relative(folder);
    AddFile(file, list);
    if (relative.has_parent_path())
      list.actual.back() = FindLabelFolder(labels, relative.begin()->string());
  }
  return Status::Ok();
}

Status AddPath(const std::string& path, const LabelFolders& labels,
               ImageList& list) {
  if (IsFolder(path)) return AddFolder(path, labels, list);
  AddFile(path, list);
  return Status::Ok();
}

/// What the pattern matches, sorted by bytes.
std::vector<std::string> Matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::sort(paths.begin(), paths.end());
  return paths;
}

Status AddNames(const NamesInput& names, const LabelFolders& labels,
                ImageList& list) {
  std::string name;
  while (std::getline(names.stream, name, names.end)) {
    if (names.end == '\n' && name.ends_with('\r')) name.pop_back();
    if (!name.empty()) BESOM_RETURN_IF_ERROR(AddPath(name, labels, list));
  }
  return Status::Ok();
}

Status AddMatches(const std::string& pattern, const LabelFolders& labels,
                  ImageList& list) {
  const std::vector<std::string> paths = Matches(pattern);
  if (paths.empty() && pattern.find_first_of("*?[") != std::string::npos)
    return InvalidError(pattern, "matches no file");
  if (paths.empty())
    return InvalidError(pattern, "is neither a file nor a folder",
                        "pass image files, folders of them, patterns, or -");
  for (const std::string& path : paths)
    BESOM_RETURN_IF_ERROR(AddPath(path, labels, list));
  return Status::Ok();
}

}  // namespace

LabelFolders LabelFoldersOf(const Json& config) {
  const std::vector<std::string> classes = config.at("ingest").at("classes");
  LabelFolders labels;
  const auto index = [&](const std::string& name) {
    return static_cast<int>(std::find(classes.begin(), classes.end(), name) -
                            classes.begin());
  };
  for (const Json& source : config.at("ingest").at("sources"))
    if (source.contains("labels") && source.at("labels").is_object())
      for (const auto& [folder, label] : source.at("labels").items())
        if (label.is_string() &&
            index(label) < static_cast<int>(classes.size()))
          labels[LowerCase(folder)] = index(label);
  for (const std::string& name : classes) labels[LowerCase(name)] = index(name);
  return labels;
}

std::optional<int> FindLabelFolder(const LabelFolders& labels,
                                   const std::string& folder) {
  const auto found = labels.find(LowerCase(folder));
  if (found == labels.end()) return std::nullopt;
  return found->second;
}

Result<ImageList> ListImages(const std::string& argument,
                             const LabelFolders& labels,
                             const NamesInput& names) {
  ImageList list{argument, {}, {}};
  const Status status = argument == "-"    ? AddNames(names, labels, list)
                        : Exists(argument) ? AddPath(argument, labels, list)
                                           : AddMatches(argument, labels, list);
  if (!status.ok()) return status;
  return list;
}

}  // namespace besom::cli
