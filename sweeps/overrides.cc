#include "sweeps/overrides.h"

#include <fmt/format.h>

#include <charconv>

namespace besom::sweeps {
namespace {

// Far deeper than any key; keeps what walks the tree from deep recursion.
constexpr int kDeepest = 32;

/// Takes the first part off `rest`.
std::string TakePart(std::string& rest) {
  const std::size_t dot = rest.find('.');
  std::string part = rest.substr(0, dot);
  rest = dot == std::string::npos ? "" : rest.substr(dot + 1);
  return part;
}

/// The longest key of `map` that `rest` begins with (keys of `parameters`
/// hold dots); takes it off `rest`. Null when there is none.
YamlNode* TakeKnownKey(YamlNode& map, std::string& rest) {
  YamlNode* found = nullptr;
  std::size_t length = 0;
  for (auto& [key, value] : map.entries) {
    const std::string& name = key.text;
    const bool begins = rest == name || rest.starts_with(name + ".");
    if (!begins || (found != nullptr && name.size() <= length)) continue;
    found = &value;
    length = name.size();
  }
  if (found != nullptr)
    rest = length == rest.size() ? "" : rest.substr(length + 1);
  return found;
}

YamlNode* FindItem(YamlNode& list, const std::string& part) {
  std::size_t index = 0;
  const char* end = part.data() + part.size();
  const auto [at, error] = std::from_chars(part.data(), end, index);
  if (error == std::errc() && at == end)
    return index < list.items.size() ? &list.items[index] : nullptr;
  for (YamlNode& item : list.items) {
    const YamlNode* name = item.Find("name");
    if (name != nullptr && name->text == part) return &item;
  }
  return nullptr;
}

std::string ItemNames(const YamlNode& list) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode* name = list.items[i].Find("name");
    names.push_back(name == nullptr ? std::to_string(i) : name->text);
  }
  return JoinNames(names);
}

/// Goes down one step, making what is missing; null after a finding.
YamlNode* Descend(YamlNode& node, std::string& rest, bool in_parameters,
                  const Place& place, Findings& findings) {
  if (node.is_list()) {
    const std::string part = TakePart(rest);
    YamlNode* item = FindItem(node, part);
    if (item == nullptr)
      findings.Add(place, fmt::format("there is no element `{}`", part),
                   "elements: " + ItemNames(node));
    return item;
  }
  if (!node.is_map()) {
    node = YamlNode{};
    node.kind = YamlNode::Kind::kMap;
    node.place = place;
  }
  if (YamlNode* known = TakeKnownKey(node, rest)) return known;
  YamlNode key;
  key.kind = YamlNode::Kind::kScalar;
  key.place = place;
  // A new axis: its whole path is one key.
  key.text = in_parameters ? rest : TakePart(rest);
  if (in_parameters) rest.clear();
  YamlNode value;
  value.place = place;
  node.entries.push_back({std::move(key), std::move(value)});
  return &node.entries.back().second;
}

/// The full path of what the user wrote; empty after a finding.
std::string FullPath(const std::string& path, const Schema& schema,
                     const Place& place, Findings& findings) {
  const std::vector<std::string> candidates = schema.Resolve(path);
  if (candidates.size() == 1) return candidates.front();
  if (path.find('.') != std::string::npos) return path;
  if (candidates.empty()) {
    std::vector<std::string> names;
    for (const Key& key : schema.keys()) names.push_back(key.name());
    findings.Add(place, fmt::format("there is no key `{}`", path),
                 DidYouMean(path, names));
  } else {
    findings.Add(place, fmt::format("`{}` may stand for several keys", path),
                 "write one of: " + JoinNames(candidates));
  }
  return "";
}

}  // namespace

void ApplyOverride(const std::string& text, const Schema& schema,
                   YamlNode& document, Findings& findings) {
  const std::size_t equals = text.find('=');
  const std::string path = text.substr(0, equals);
  const Place place{"--set " + path, 0, 0};
  if (equals == std::string::npos || path.empty()) {
    findings.Add(place, "`=` is missing", "write --set path=value");
    return;
  }
  const auto value = ReadYamlValue(text.substr(equals + 1), place.origin);
  if (!value.ok()) {
    findings.Add(place, value.status().cause(), value.status().cure());
    return;
  }
  std::string rest = FullPath(path, schema, place, findings);
  if (rest.empty()) return;
  const bool to_parameters = rest.starts_with("parameters.");
  YamlNode* node = &document;
  for (int depth = 0; !rest.empty(); ++depth) {
    if (depth == kDeepest) {
      findings.Add(place, "the path has too many parts", "");
      return;
    }
    node = Descend(*node, rest, to_parameters && depth == 1, place, findings);
    if (node == nullptr) return;
  }
  *node = *value;
}

}  // namespace besom::sweeps
