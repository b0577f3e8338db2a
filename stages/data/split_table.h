#pragma once

#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// Where each image of the scan stands in each fit.
struct SplitEntry {
  std::size_t image = 0;  ///< Index into SourceScan::entries.
  std::string source, path, label, patients, group;
  Digest content;
  /// One per fit, in the order repeat * folds + fold: "train", "validation",
  /// "test", an external set's name, or "" when left out.
  std::vector<std::string> sets;
  std::string left_out;  ///< Why; empty when it is in a set.
  /// "source/path" of the image that it is a duplicate of; empty = of none.
  std::string duplicate_of;
};

/// The outcome of the split stage: every image met, in the order of the scan.
struct SplitTable {
  std::vector<std::string> classes;    ///< Order of labels everywhere.
  std::vector<std::string> externals;  ///< Names of the external sets.
  int repeats = 1;
  int folds = 1;
  std::vector<SplitEntry> entries;
  /// Receipt: groups, duplicates, class shares, leaks, warnings (for people).
  Json receipt = Json::object();

  Json ToJson() const;
  static Result<SplitTable> FromJson(const Json& json);

  /// Indices into `entries` of the images of `set` in fit (repeat, fold), in
  /// the order of the scan.
  std::vector<std::size_t> Members(std::string_view set, int repeat,
                                   int fold) const;
  /// True when that content is in training in any fit.
  bool IsEverTrained(std::size_t entry) const;
  /// Index of `label` in classes. REQUIRES: it is one.
  int ClassIndex(std::string_view label) const;
};

}  // namespace besom::stages
