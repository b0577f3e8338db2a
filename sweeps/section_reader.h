#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "sweeps/diagnostics.h"
#include "sweeps/schema.h"
#include "sweeps/yaml_reader.h"

namespace besom::sweeps {

/// Turns YAML into canonical JSON as the schema wants it: types, ranges,
/// words, defaults, absolute paths. What does not fit becomes a finding; the
/// value is then missing from the result.
class SectionReader {
 public:
  /// `folder` is what relative paths start from. Borrows all; one thread.
  SectionReader(const Schema& schema, Path folder, Findings& findings)
      : schema_(schema), folder_(std::move(folder)), findings_(findings) {}

  /// Reads `section` (a path of the schema) with every default filled in.
  /// A null `node` or an empty one gives the defaults; required keys that are
  /// missing then stand at `place`.
  Json ReadSection(const std::string& section, const YamlNode* node,
                   const Place& place);

  /// Reads the value of a key or a section.
  std::optional<Json> ReadPath(const std::string& path, const YamlNode& node);

 private:
  struct Slot;
  std::optional<Json> ReadForms(const Slot& slot, const YamlNode& node);
  std::optional<Json> ReadScalar(const Slot& slot, const YamlNode& node);
  std::optional<Json> ReadList(const Slot& slot, const Form& form,
                               const YamlNode& node);
  std::optional<Json> ReadTable(const Slot& slot, const Form& form,
                                const YamlNode& node);
  std::optional<Json> TryForm(const Form& form, const YamlNode& node) const;
  void CheckNames(const std::string& section, const YamlNode& node,
                  const std::string& format);
  void ReportUnknown(const std::string& section, const YamlNode& key);
  static bool IsForLater(const std::vector<Form>& forms, const YamlNode& node);
  void ReportMisfit(const Slot& slot, const YamlNode& node);
  Json Default(const std::string& path, const Place& place);

  const Schema& schema_;
  Path folder_;
  Findings& findings_;
};

/// True when a number (a draw) is within the range of one of the key's forms
/// of its type.
bool FitsKey(const Key& key, const Json& number);

/// Every word of the forms, of their lists and tables too.
std::vector<std::string> WordsOf(const std::vector<Form>& forms);

}  // namespace besom::sweeps
