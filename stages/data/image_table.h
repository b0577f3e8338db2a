#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pipeline/base/digest.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// One image that a sweep has met: what the sources say about it, before any
/// pixel is decoded.
struct ScanEntry {
  std::string source;     ///< Name of the source, or of the external set.
  bool external = false;  ///< Belongs to `evaluate.external`.
  std::string path;       ///< Within its source, '/' between parts. UTF-8.
  std::string label;      ///< Class name; empty when left out for its label.
  std::string patients;   ///< Id space of the group (INTERFACE: `patients`).
  std::string group;      ///< Group within `patients`; never empty when kept.
  std::string use;        ///< auto | train | validation | test (| external).
  std::string overlap;    ///< External sets: exclude | keep | error.
  Digest content;         ///< SHA-256 of the file; zero when unreadable.
  Json generator;         ///< Null for a file; else what `phantom` draws from.
  std::string left_out;   ///< Why it is not used; empty = used so far.
};

/// What scanning all sources found, sorted by (source as in the spec,
/// externals last, path).
struct SourceScan {
  std::vector<std::string> classes;
  std::vector<ScanEntry> entries;
  /// Absolute path of each entry, parallel to `entries`; a hint, never in a
  /// key, not part of ToJson.
  std::vector<std::string> absolute_paths;

  Json ToJson() const;
  /// kCorrupt when `json` is not what ToJson made; absolute_paths stays empty.
  static Result<SourceScan> FromJson(const Json& json);
};

/// Indices of the entries that ingest decodes: the first one of each distinct
/// content among those that are not left out, in the order of the scan.
std::vector<std::size_t> UniqueContents(const SourceScan& scan);

}  // namespace besom::stages
