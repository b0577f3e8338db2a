#include "sweeps/schema.h"

#include <algorithm>
#include <array>
#include <set>

#include "pipeline/base/check.h"

namespace besom::sweeps {
namespace {

/// Sections that decide a trial's numbers; the rest is about the sweep.
constexpr std::array<const char*, 6> kAxisSections = {
    "ingest", "split", "augment", "model", "train", "evaluate"};

std::string ParentOf(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string LastOf(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

}  // namespace

std::string Key::name() const { return LastOf(path); }

Schema::Schema(std::vector<Key> keys) : keys_(std::move(keys)) {
  std::set<std::string> paths;
  for (const Key& key : keys_) {
    BESOM_CHECK(paths.insert(key.path).second, key.path);
    for (std::string up = ParentOf(key.path); !up.empty(); up = ParentOf(up)) {
      const auto it = std::find(sections_.begin(), sections_.end(), up);
      if (it == sections_.end()) sections_.push_back(up);
    }
  }
}

const Key* Schema::Find(const std::string& path) const {
  for (const Key& key : keys_)
    if (key.path == path) return &key;
  return nullptr;
}

bool Schema::IsSection(const std::string& path) const {
  return std::find(sections_.begin(), sections_.end(), path) != sections_.end();
}

std::vector<std::string> Schema::Children(const std::string& section) const {
  std::vector<std::string> names;
  const std::string prefix = section.empty() ? "" : section + ".";
  for (const Key& key : keys_) {
    if (key.path.compare(0, prefix.size(), prefix) != 0) continue;
    const std::string rest = key.path.substr(prefix.size());
    std::string name = rest.substr(0, rest.find('.'));
    if (name.ends_with("[]")) continue;
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

std::vector<std::string> Schema::Resolve(const std::string& name) const {
  if (name.find("[]") != std::string::npos) return {};
  if (name == "resources.precision") return {"model.precision"};
  if (Find(name) != nullptr || IsSection(name)) return {name};
  if (name.find('.') != std::string::npos) return {};
  std::vector<std::string> paths;
  const auto add = [&](const std::string& path) {
    const bool in_list = path.find("[]") != std::string::npos;
    if (in_list || LastOf(path) != name) return;
    if (std::find(paths.begin(), paths.end(), path) == paths.end())
      paths.push_back(path);
  };
  for (const Key& key : keys_) add(key.path);
  for (const std::string& section : sections_) add(section);
  const auto below_key = [&](const std::string& path) {
    return Find(ParentOf(path)) != nullptr;
  };
  if (!std::all_of(paths.begin(), paths.end(), below_key))
    std::erase_if(paths, below_key);
  return paths;
}

bool Schema::IsAxisPath(const std::string& path) const {
  if (path == "seed") return true;
  if (path.find("[]") != std::string::npos) return false;
  if (Find(path) == nullptr && !IsSection(path)) return false;
  const std::size_t dot = path.find('.');
  // A key below another key (model.preprocessing.mean) exists only together
  // with its siblings; the key itself is the axis.
  if (dot != std::string::npos && Find(ParentOf(path)) != nullptr) return false;
  const std::string top = path.substr(0, dot);
  return std::find(kAxisSections.begin(), kAxisSections.end(), top) !=
         kAxisSections.end();
}

const Schema& SweepSchema() {
  static const Schema schema = [] {
    std::vector<Key> keys = DataKeys();
    for (Key& key : ModelKeys()) keys.push_back(std::move(key));
    for (Key& key : SearchKeys()) keys.push_back(std::move(key));
    return Schema(std::move(keys));
  }();
  return schema;
}

}  // namespace besom::sweeps
