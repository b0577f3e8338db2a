#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/metric/interval.h"

namespace besom::stages {

/// An image that took part in an audit.
struct AuditedImage {
  std::string source, path;
  int actual = 0;  ///< Index into Audit::classes.
  int group = 0;   ///< From 0: images of one patient, and equal images.
  int fold = 0;    ///< The fold whose heads have not seen it.
};

/// How well a probe tells classes apart.
struct AuditFigure {
  /// Indices into Audit::classes; none = all classes.
  std::optional<std::pair<int, int>> pair;
  double chance = 0;             ///< 1 / number of classes.
  double balanced_accuracy = 0;  ///< Out of fold.
  Interval interval;             ///< Of 95 %, for this figure alone.
  /// Lower end of an interval that is as wide as it must be for all figures
  /// of the audit that may alarm to hold together in 95 % of data sets. None
  /// for probes that never alarm.
  std::optional<double> bound;
  std::int64_t images = 0;
};

struct AuditProbe {
  std::string name;        ///< "facts", "file", "ring", "blur".
  bool may_alarm = false;  ///< It sees no lung.
  bool varies = true;      ///< False: the same for every image.
  std::vector<AuditFigure> figures;
  /// [images x classes] out of fold, row by row; empty unless it varies.
  std::vector<double> probabilities;
};

/// The outcome of the audit stage; see AUDIT.md.
struct Audit {
  std::vector<std::string> classes;  ///< Those with groups enough.
  int folds = 0;                     ///< 0: no two classes with groups enough.
  std::vector<AuditedImage> images;
  std::vector<AuditProbe> probes;

  Json ToJson() const;
  /// kCorrupt when `json` is not what ToJson made.
  static Result<Audit> FromJson(const Json& json);
};

}  // namespace besom::stages
