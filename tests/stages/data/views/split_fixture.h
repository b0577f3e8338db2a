#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "stages/data/split_stage.h"

namespace besom::stages {

/// A scan in memory: every image a content of its own unless told otherwise.
class ScanBuilder {
 public:
  explicit ScanBuilder(std::vector<std::string> classes) {
    scan.classes = std::move(classes);
  }

  ScanEntry& Add(const std::string& source, const std::string& path,
                 const std::string& label, const std::string& group,
                 const std::string& patients = "") {
    ScanEntry entry;
    entry.source = source;
    entry.path = path;
    entry.label = label;
    entry.patients = patients.empty() ? source : patients;
    entry.group = group;
    entry.use = "auto";
    entry.overlap = "exclude";
    entry.content = DigestOf(source + "/" + path);
    scan.entries.push_back(entry);
    return scan.entries.back();
  }
  ScanEntry& AddExternal(const std::string& set, const std::string& path,
                         const std::string& label, const std::string& group,
                         const std::string& patients = "") {
    ScanEntry& entry = Add(set, path, label, group, patients);
    entry.external = true;
    entry.use = "external";
    return entry;
  }

  /// Pixels differ exactly where contents do.
  DecodedImages Decoded() const {
    DecodedImages decoded;
    for (const ScanEntry& entry : scan.entries)
      decoded[entry.content] = {"",
                                DigestOf("pixels of " + entry.content.Hex())};
    return decoded;
  }

  Result<SplitTable> Split(const SplitOptions& options) const {
    return ComputeSplit(scan, scan.classes, Decoded(), options);
  }

  SourceScan scan;
};

inline std::string Name(std::string_view stem, int number) {
  return fmt::format("{}{}", stem, number);
}

/// `count` images of `label`, each its own group.
inline void AddSingles(ScanBuilder& builder, const std::string& label,
                       int count, const std::string& source = "s") {
  for (int i = 0; i < count; ++i) {
    const std::string name = Name(label, i);
    builder.Add(source, name + ".png", label, name);
  }
}

}  // namespace besom::stages
