#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/result.h"
#include "sweeps/diagnostics.h"

namespace besom::sweeps {

struct YamlEntry;

/// A piece of a YAML document as plain data, with its place. Aliases and merge
/// keys (`<<`) are already replaced by what they name.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;     ///< kScalar.
  bool quoted = false;  ///< kScalar: a text whatever it looks like.
  Place place;
  std::vector<YamlNode> items;  ///< kList.
  /// kMap, in the order of the document; keys are unique scalars.
  std::vector<YamlEntry> entries;

  bool is_map() const { return kind == Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_null() const { return kind == Kind::kNull; }
  /// Value of a key; null when this is no map or has no such key.
  const YamlNode* Find(std::string_view key) const;
  YamlNode* Find(std::string_view key);
  /// What it is, for people: "a list", "the text `x`", "nothing".
  std::string Describe() const;
};

/// A key of a map and its value.
struct YamlEntry {
  YamlNode first, second;
};

/// Largest YAML text that is read, bytes, and the most nodes of a document
/// (aliases counted as often as they stand).
inline constexpr std::size_t kLargestYaml = 4u << 20;
inline constexpr std::size_t kMostYamlNodes = 200'000;

/// Parses one YAML document. `origin` names it in places. kInvalid for bad
/// syntax, more than one document, a duplicate or non-scalar key, bytes that
/// are not UTF-8, a text that is too large or nested too deeply.
Result<YamlNode> ReadYaml(std::string_view text, const std::string& origin);

/// The same for the value of an option: every place is `origin` alone.
Result<YamlNode> ReadYamlValue(std::string_view text,
                               const std::string& origin);

}  // namespace besom::sweeps
