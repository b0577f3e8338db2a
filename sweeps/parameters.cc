#include "sweeps/parameters.h"

#include <fmt/format.h>

#include "sweeps/consistency.h"
#include "sweeps/expression.h"

namespace besom::sweeps {
namespace {

/// Reads the whole of `parameters`.
class ParametersReader {
 public:
  ParametersReader(const Schema& schema, SectionReader& reader, SweepSpec& spec,
                   Findings& findings)
      : schema_(schema), reader_(reader), spec_(spec), findings_(findings) {}

  void ReadAxes(const YamlNode& node) {
    if (!node.is_map()) {
      findings_.Add(node.place,
                    fmt::format("`parameters` must be a map of axes, not {}",
                                node.Describe()),
                    node.is_list() ? "a list of trials needs method: list"
                                   : "model.head: {values: [[32], [64]]}");
      return;
    }
    for (const auto& [name, value] : node.entries) {
      Axis axis;
      axis.place = name.place;
      axis.path = PathOf(name);
      if (axis.path.empty()) continue;
      for (const Axis& other : spec_.axes) CheckOverlap(axis, other);
      const Key* key = schema_.Find(axis.path);
      if (ReadAxis(value, key, reader_, axis, findings_))
        spec_.axes.push_back(std::move(axis));
    }
  }

  void ReadListed(const YamlNode& node) {
    if (!node.is_list() || node.items.empty()) {
      findings_.Add(node.place, "method list wants a list of trials",
                    "parameters: [{model.head: [32]}, {model.head: [64]}]");
      return;
    }
    for (const YamlNode& item : node.items) ReadTrial(item);
  }

 private:
  void ReadTrial(const YamlNode& item) {
    if (!item.is_map()) {
      findings_.Add(
          item.place,
          fmt::format("a trial is a map of keys, not {}", item.Describe()),
          "{model.head: [32], model.dropout: 0.3}");
      return;
    }
    Json trial = Json::object();
    for (const auto& [name, value] : item.entries) {
      const std::string path = PathOf(name);
      if (path.empty()) continue;
      for (const auto& [other, unused] : trial.items())
        if (Overlap(path, other))
          findings_.Add(name.place,
                        fmt::format("`{}` is set twice in this trial", path),
                        "keep one of them");
      auto read = reader_.ReadPath(path, value);
      if (read.has_value()) trial[path] = *std::move(read);
    }
    spec_.listed.push_back(std::move(trial));
  }

  void CheckOverlap(const Axis& axis, const Axis& other) {
    if (!Overlap(axis.path, other.path)) return;
    findings_.Add(
        axis.place,
        fmt::format("the axes `{}` and `{}` overlap", other.path, axis.path),
        "keep one of them");
  }

  /// The full path of an axis; empty after a finding.
  std::string PathOf(const YamlNode& name) {
    const std::vector<std::string> paths = ResolveAxisPath(schema_, name.text);
    if (paths.size() == 1) return paths[0];
    if (paths.size() > 1) {
      findings_.Add(name.place,
                    fmt::format("`{}` may stand for several keys", name.text),
                    "write one of: " + JoinNames(paths));
      return "";
    }
    if (!schema_.Resolve(name.text).empty()) {
      findings_.Add(name.place,
                    fmt::format("`{}` cannot be an axis", name.text),
                    "axes are seed and keys of ingest, split, augment, model, "
                    "train and evaluate");
      return "";
    }
    std::vector<std::string> names;
    for (const Key& key : schema_.keys()) {
      if (!schema_.IsAxisPath(key.path)) continue;
      names.push_back(key.path);
      if (ResolveAxisPath(schema_, key.name()).size() == 1)
        names.push_back(key.name());
    }
    findings_.Add(
        name.place,
        fmt::format("`{}` is no key that an axis may vary", name.text),
        DidYouMean(name.text, names));
    return "";
  }

  const Schema& schema_;
  SectionReader& reader_;
  SweepSpec& spec_;
  Findings& findings_;
};

}  // namespace

std::vector<std::string> ResolveAxisPath(const Schema& schema,
                                         const std::string& name) {
  std::vector<std::string> paths;
  for (std::string& path : schema.Resolve(name))
    if (schema.IsAxisPath(path)) paths.push_back(std::move(path));
  return paths;
}

std::vector<std::string> ResolveKeyPath(const Schema& schema,
                                        const std::string& name) {
  std::vector<std::string> paths;
  for (std::string& path : ResolveAxisPath(schema, name))
    if (schema.Find(path) != nullptr) paths.push_back(std::move(path));
  return paths;
}

void ReadParameters(const YamlNode* node, const Schema& schema,
                    SectionReader& reader, SweepSpec& spec,
                    Findings& findings) {
  ParametersReader parameters(schema, reader, spec, findings);
  if (spec.method == "list") {
    YamlNode missing;
    missing.place = spec.PlaceOf("method");
    parameters.ReadListed(node == nullptr ? missing : *node);
  } else if (node != nullptr && !node->is_null()) {
    parameters.ReadAxes(*node);
  }
}

}  // namespace besom::sweeps
