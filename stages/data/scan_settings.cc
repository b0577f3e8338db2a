#include "stages/data/scan_settings.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace besom::stages {
namespace {

/// Reads texts of a section; an absent key and null are empty.
std::string TextOf(const Json& section, const char* key,
                   std::string fallback = "") {
  const auto it = section.find(key);
  if (it == section.end() || !it->is_string()) return fallback;
  const auto text = it->get<std::string>();
  return text.empty() ? fallback : text;
}

bool IsClass(const SourceSettings& source, std::string_view name) {
  return std::ranges::find(source.classes, name) != source.classes.end();
}

Status NotAClass(const SourceSettings& source, std::string_view key,
                 std::string_view name) {
  return InvalidError(
      fmt::format("{}.{}", source.place, key),
      fmt::format("source '{}' names the class '{}', which is "
                  "not one of ingest.classes",
                  source.name, name),
      fmt::format("the classes are {}", Listed(source.classes)));
}

Status ReadWhere(const Json& section, SourceSettings& source) {
  const auto where = section.find("where");
  if (where == section.end() || where->is_null()) return Status::Ok();
  const Status bad =
      InvalidError(source.place + ".where", "not a map of columns to patterns");
  if (!where->is_object()) return bad;
  for (const auto& [column, value] : where->items()) {
    std::vector<std::string> patterns;
    const Json list = value.is_array() ? value : Json::array({value});
    for (const Json& item : list) {
      if (item.is_string())
        patterns.push_back(item.get<std::string>());
      else if (item.is_number() || item.is_boolean())
        patterns.push_back(item.dump());
      else
        return bad;
    }
    source.where.emplace_back(column, std::move(patterns));
  }
  return Status::Ok();
}

Status ReadLabels(const Json& section, SourceSettings& source) {
  if (!source.label.empty() && !IsClass(source, source.label))
    return NotAClass(source, "label", source.label);
  const auto labels = section.find("labels");
  if (labels == section.end() || labels->is_null()) return Status::Ok();
  if (!labels->is_object())
    return InvalidError(source.place + ".labels",
                        "not a map from label to class");
  for (const auto& [word, value] : labels->items()) {
    if (value.is_null()) {
      source.labels.emplace(word, std::nullopt);
      continue;
    }
    if (!value.is_string() || !IsClass(source, value.get<std::string>()))
      return NotAClass(
          source, "labels",
          value.is_string() ? value.get<std::string>() : value.dump());
    source.labels.emplace(word, value.get<std::string>());
  }
  return Status::Ok();
}

Status ReadGroups(const Json& section, SourceSettings& source) {
  source.own_when_unmatched = TextOf(section, "group_unmatched") == "own";
  const std::string pattern = TextOf(section, "group_pattern");
  if (pattern.empty()) return Status::Ok();
  const std::string place = source.place + ".group_pattern";
  if (!source.group_column.empty())
    return InvalidError(place, "given together with group_column",
                        "keep one of the two");
  RE2::Options options;
  options.set_log_errors(false);
  const auto compiled = std::make_shared<const RE2>(pattern, options);
  if (!compiled->ok())
    return InvalidError(place,
                        fmt::format("'{}' is not a regular expression: {}",
                                    pattern, compiled->error()),
                        "the syntax is RE2's");
  if (compiled->NumberOfCapturingGroups() == 0)
    return InvalidError(place,
                        fmt::format("'{}' has no capture group", pattern),
                        "put round brackets around the patient's number");
  source.group_pattern = compiled;
  return Status::Ok();
}

Status CheckLabelRule(const SourceSettings& source) {
  if (!source.label.empty() && !source.label_column.empty())
    return InvalidError(source.place + ".label_column",
                        "given together with label", "keep one of the two");
  if (!source.label_tag.empty() &&
      !(source.label.empty() && source.label_column.empty()))
    return InvalidError(source.place + ".label_tag",
                        "given together with another label", "keep one");
  const bool dicom = source.format == "dicom_folder";
  if (dicom && source.table.empty() &&
      !(source.label_column.empty() && source.group_column.empty()))
    return InvalidError(source.place, "columns are named, but no table",
                        "give table: FILE.csv");
  if (source.format != "image_folder" && source.label.empty() &&
      source.label_column.empty() && source.label_tag.empty())
    return InvalidError(
        source.place,
        fmt::format("source '{}' does not say which class its images are",
                    source.name),
        dicom ? "give label: CLASS, label_tag: TAG, or table and label_column"
              : "give label: CLASS, or label_column: COLUMN");
  return Status::Ok();
}

Status CheckFormat(const SourceSettings& source) {
  constexpr std::array<std::string_view, 5> kBuilt = {
      "metadata_csv", "image_folder", "csv", "dicom_folder", "phantom"};
  if (std::ranges::find(kBuilt, source.format) != kBuilt.end())
    return Status::Ok();
  const bool known = source.format == "idx";
  return InvalidError(
      source.place + ".format",
      known ? fmt::format("'{}' is not built yet", source.format)
            : fmt::format("unknown format '{}'", source.format),
      "use metadata_csv, image_folder, csv, dicom_folder or phantom");
}

/// Length of the UTF-8 sequence at the start of `text`, 0 when there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) &&
                   follows(3, 0x80, 0xBF)
               ? 4
               : 0;
  }
  return 0;
}

}  // namespace

Result<SourceSettings> ReadSourceSettings(
    const Json& section, std::string place, bool external,
    const std::vector<std::string>& classes, const Path& base_folder) {
  SourceSettings source;
  source.place = std::move(place);
  source.external = external;
  source.classes = classes;
  if (!section.is_object()) return InvalidError(source.place, "not a map");
  source.name = TextOf(section, "name");
  if (source.name.empty())
    return InvalidError(source.place, "a source without a name",
                        "give name: NAME");
  source.format = TextOf(section, "format");
  source.image_folder = TextOf(section, "image_folder");
  source.image_column = TextOf(section, "image_column", "filename");
  source.label = TextOf(section, "label");
  source.label_column = TextOf(section, "label_column");
  source.group_column = TextOf(section, "group_column");
  if (source.format == "dicom_folder") {
    const std::string table = TextOf(section, "table");
    if (!table.empty()) source.table = base_folder / table;
    source.label_tag = TextOf(section, "label_tag");
    source.group_tag = section.value("group_tag", "PatientID");
    source.store_patient_ids = section.value("store_patient_ids", false);
  }
  source.patients = TextOf(section, "patients", source.name);
  source.use = external ? "external" : TextOf(section, "use", "auto");
  source.overlap = external ? TextOf(section, "overlap", "exclude") : "";
  BESOM_RETURN_IF_ERROR(CheckFormat(source));
  const std::string path = TextOf(section, "path");
  if (path.empty() && source.format != "phantom")
    return InvalidError(source.place + ".path",
                        fmt::format("source '{}' has no path", source.name),
                        "say where its images are");
  if (!path.empty()) source.path = base_folder / path;
  BESOM_RETURN_IF_ERROR(ReadWhere(section, source));
  if (source.format == "phantom") return source;  // Its labels name kinds.
  BESOM_RETURN_IF_ERROR(ReadLabels(section, source));
  BESOM_RETURN_IF_ERROR(CheckLabelRule(source));
  BESOM_RETURN_IF_ERROR(ReadGroups(section, source));
  return source;
}

LabelVerdict LabelOf(const SourceSettings& source, std::string_view word) {
  if (word.empty()) return {"", "it has no label"};
  const std::string name = EscapedUtf8(word);
  const auto it = source.labels.find(name);
  if (it == source.labels.end()) {
    if (IsClass(source, name)) return {name, ""};
    return {"", fmt::format("its label '{}' is neither in `labels` nor a class",
                            name)};
  }
  if (!it->second.has_value())
    return {"", fmt::format("`labels` leaves '{}' out", name)};
  return {*it->second, ""};
}

std::optional<std::string> MatchGroup(const SourceSettings& source,
                                      std::string_view file_name) {
  const RE2& pattern = *source.group_pattern;
  std::vector<re2::StringPiece> found(
      static_cast<std::size_t>(pattern.NumberOfCapturingGroups()) + 1);
  const re2::StringPiece text(file_name.data(), file_name.size());
  if (!pattern.Match(text, 0, text.size(), RE2::UNANCHORED, found.data(),
                     static_cast<int>(found.size())))
    return std::nullopt;
  for (std::size_t i = 1; i < found.size(); ++i)
    if (!found[i].empty()) return found[i].as_string();
  return std::nullopt;
}

std::string OwnGroup(const SourceSettings& source, std::string_view path) {
  return fmt::format("{}/{}", source.name, path);
}

bool MatchesWildcard(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // The last `*` met, and
  std::size_t resume = 0;                     // where its rest is tried next.
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() &&
               (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string EscapedUtf8(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0)
      escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    else
      escaped += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return escaped;
}

std::string Listed(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", EscapedUtf8(names[i]));
  if (names.size() > most)
    text += fmt::format(" and {} more", names.size() - most);
  return text;
}

}  // namespace besom::stages
