#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/data/image_table.h"

namespace re2 {
class RE2;
}

namespace besom::stages {

/// One element of `ingest.sources` or `evaluate.external`, parsed. Keys and
/// meanings: INTERFACE's "Sweep YAML"; an empty text means "not given".
struct SourceSettings {
  std::string place;  ///< "ingest.sources.0": what errors point at.
  std::string name, format;
  Path path;  ///< Absolute; empty for phantom.
  std::string image_folder, image_column;
  /// Column -> patterns, any of which must match (see MatchesWildcard).
  std::vector<std::pair<std::string, std::vector<std::string>>> where;
  std::string label, label_column, group_column;
  // Of dicom_folder: an empty tag of groups means that none is read.
  Path table;  ///< Absolute; empty = none.
  std::string label_tag, group_tag;
  bool store_patient_ids = false;
  /// What the source calls it -> class; none = left out.
  std::map<std::string, std::optional<std::string>> labels;
  std::shared_ptr<const re2::RE2> group_pattern;  ///< Null: none.
  bool own_when_unmatched = false;
  std::string patients, use, overlap;
  bool external = false;
  std::vector<std::string> classes;

  /// Whether a DICOM tag tells the groups: nothing else does.
  bool GroupsByTag() const {
    return !group_tag.empty() && group_column.empty() &&
           group_pattern == nullptr;
  }
};

/// Parses and checks one source. kInvalid with place, cause and cure.
Result<SourceSettings> ReadSourceSettings(
    const Json& source, std::string place, bool external,
    const std::vector<std::string>& classes, const Path& base_folder);

/// A class, or why there is none.
struct LabelVerdict {
  std::string label, left_out;
};

/// The class that a source's own word stands for: what `labels` says, else the
/// class of that very name.
LabelVerdict LabelOf(const SourceSettings& source, std::string_view word);

/// The group that `group_pattern` finds in a file name (without folders): its
/// first capture group that matched something. REQUIRES: there is a pattern.
std::optional<std::string> MatchGroup(const SourceSettings& source,
                                      std::string_view file_name);

/// The group of an image that has none by any rule: only it is in it.
std::string OwnGroup(const SourceSettings& source, std::string_view path);

/// True when all of `text` is `pattern`, in which `*` stands for any
/// characters, none included, and `?` for one byte. Case counts.
bool MatchesWildcard(std::string_view pattern, std::string_view text);

/// True when `text` is UTF-8 without overlong forms and surrogates.
bool IsUtf8(std::string_view text);
/// `text`, each byte that is not UTF-8 written as \xNN.
std::string EscapedUtf8(std::string_view text);

/// Names of `names` as "a, b, c", cut after `most`.
std::string Listed(const std::vector<std::string>& names,
                   std::size_t most = 20);

}  // namespace besom::stages
