#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// A row of the view `audit`.
struct AuditFinding {
  std::string probe;
  std::string class_a, class_b;  ///< "" = all classes.
  double balanced_accuracy = 0;
  std::optional<double> low, high, bound;
  double chance = 0;
  std::string model;  ///< The best trial; "" = none yet.
  std::string model_split;
  std::optional<double> model_value;
  std::optional<bool> alarm;  ///< None: no model to compare with.

  /// More than chance, whatever else the audit looked at.
  bool above_chance() const { return bound && *bound > chance; }
};

/// A class that has a source which holds no other class.
struct OwnSource {
  std::string cls, source;
  std::int64_t images = 0;     ///< Of the class, from there.
  std::int64_t of_images = 0;  ///< Of the class in all.
};

/// What the shortcut audit of a sweep has found.
struct AuditFindings {
  std::vector<AuditFinding> rows;  ///< As the view sorts them.
  std::vector<OwnSource> own_sources;
};
Result<AuditFindings> AuditOf(db::Reader& reader, const std::string& sweep);

/// "An alarm: the border of the image alone tells covid from normal ...".
/// REQUIRES: the row may be an alarm or is above chance.
std::string FindingText(const AuditFinding& finding);
/// "All 317 images of covid come from cohen, which holds no other class ...".
std::string OwnSourceText(const OwnSource& source);

/// What there is to say at the end of a run, one line each: alarms, and probes
/// above chance without a model to compare with, each thing once; that there
/// are none; classes with a source of their own. Nothing without an audit.
std::vector<std::string> AuditLines(const AuditFindings& findings);

/// These lines as the Markdown of the card of the model `trial`, with a word on
/// which model they compare with; that there was no audit.
std::string AuditCard(const AuditFindings& findings, const std::string& trial);

}  // namespace besom::cli
