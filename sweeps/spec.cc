#include "sweeps/spec.h"

#include <fmt/format.h>

#include "sweeps/consistency.h"
#include "sweeps/expression.h"
#include "sweeps/metric_name.h"
#include "sweeps/overrides.h"
#include "sweeps/parameters.h"
#include "sweeps/proposals.h"
#include "sweeps/section_reader.h"
#include "sweeps/source_rules.h"
#include "sweeps/variables.h"
#include "sweeps/yaml_reader.h"

namespace besom::sweeps {
namespace {

void CollectPlaces(const YamlNode& node, const std::string& path,
                   std::map<std::string, Place>& places) {
  places[path] = node.place;
  const std::string prefix = path.empty() ? "" : path + ".";
  for (std::size_t i = 0; i < node.items.size(); ++i)
    CollectPlaces(node.items[i], prefix + std::to_string(i), places);
  for (const auto& [key, value] : node.entries)
    CollectPlaces(value, prefix + key.text, places);
}

/// Reads one document; each step leaves findings.
class SpecReader {
 public:
  SpecReader(const Path& file, const Environment& environment)
      : file_(file), environment_(environment) {}

  Result<SweepSpec> Run(std::string_view text,
                        const std::vector<std::string>& overrides) {
    BESOM_ASSIGN_OR_RETURN(YamlNode document, ReadYaml(text, file_.string()));
    if (document.is_null()) document = EmptyMap(document);
    if (!document.is_map()) {
      findings_.Add(document.place, "a sweep is a map of keys",
                    "begin with `name: my-sweep`");
      return findings_.ToStatus();
    }
    for (const std::string& text_of : overrides)
      ApplyOverride(text_of, schema_, document, findings_);
    ExpandVariables(document, environment_, findings_);
    // A value that is missing would only cause errors about itself.
    BESOM_RETURN_IF_ERROR(findings_.ToStatus());
    MovePrecision(document);
    ReadDocument(document);
    if (findings_.empty()) CheckAll();
    BESOM_RETURN_IF_ERROR(findings_.ToStatus());
    return std::move(spec_);
  }

 private:
  YamlNode EmptyMap(const YamlNode& null) const {
    YamlNode map;
    map.kind = YamlNode::Kind::kMap;
    map.place = null.place.line > 0 ? null.place : Place{file_.string(), 1, 1};
    return map;
  }

  /// `resources.precision` and `model.precision` are one key.
  void MovePrecision(YamlNode& document) {
    YamlNode* resources = document.Find("resources");
    if (resources == nullptr) return;
    for (auto it = resources->entries.begin(); it != resources->entries.end();
         ++it) {
      if (it->first.text != "precision") continue;
      YamlNode* model = document.Find("model");
      if (model != nullptr && model->Find("precision") != nullptr) {
        findings_.Add(it->first.place,
                      "`resources.precision` and `model.precision` are the "
                      "same key",
                      "keep one of them");
        return;
      }
      const auto precision = *it;
      resources->entries.erase(it);
      AddToModel(document, precision);
      return;
    }
  }

  static void AddToModel(YamlNode& document, const YamlEntry& entry) {
    YamlNode* model = document.Find("model");
    if (model == nullptr) {
      YamlNode key = entry.first;
      key.text = "model";
      document.entries.push_back({std::move(key), YamlNode{}});
      model = &document.entries.back().second;
      model->place = entry.first.place;
    }
    if (model->is_null()) model->kind = YamlNode::Kind::kMap;
    if (model->is_map()) model->entries.push_back(entry);
  }

  void ReadDocument(YamlNode& document) {
    spec_.file = std::filesystem::absolute(file_).lexically_normal();
    CollectPlaces(document, "", spec_.places);
    // The axes are read below: their values need the keys that they vary.
    YamlNode parameters;
    bool has_parameters = false;
    for (auto& [key, value] : document.entries) {
      if (key.text != "parameters") continue;
      parameters = std::move(value);
      has_parameters = true;
      value = EmptyMap(parameters);
    }
    SectionReader reader(schema_, spec_.file.parent_path(), findings_);
    spec_.base = reader.ReadSection("", &document, document.place);
    spec_.base.erase("parameters");
    spec_.name = spec_.base.value("name", "");
    spec_.seed = spec_.base.value("seed", std::uint64_t{0});
    spec_.method = spec_.base.value("method", "");
    spec_.run_cap = spec_.base.value("run_cap", std::int64_t{0});
    FillDefaults();
    if (!spec_.method.empty())
      ReadParameters(has_parameters ? &parameters : nullptr, schema_, reader,
                     spec_, findings_);
    TakeConstraints();
  }

  /// Defaults that depend on other keys.
  void FillDefaults() {
    for (const char* list : {"ingest.sources", "evaluate.external"}) {
      const Json* found = FindPath(spec_.base, list);
      if (found == nullptr) continue;
      Json sources = *found;
      FillPatients(sources);
      SetPath(spec_.base, list, std::move(sources));
    }
    const Json* metric = FindPath(spec_.base, "metric.name");
    const bool lower_is_better =
        metric != nullptr && metric->is_string() &&
        MetricName{metric->get<std::string>(), {}}.lower_is_better();
    if (lower_is_better && !spec_.places.contains("metric.goal"))
      SetPath(spec_.base, "metric.goal", "minimize");
  }

  void TakeConstraints() {
    const Json texts = spec_.base.value("constraints", Json::array());
    for (std::size_t i = 0; i < texts.size(); ++i)
      spec_.constraints.push_back(
          {texts[i].get<std::string>(),
           spec_.PlaceOf(fmt::format("constraints.{}", i))});
    spec_.base.erase("constraints");
  }

  void CheckAll() {
    Report(CheckConsistency(spec_.base));
    Report(CheckFiles(spec_.base, environment_));
    const bool shares = spec_.places.contains("split.test") ||
                        spec_.places.contains("split.validation");
    if (shares && spec_.base["split"]["file"] != "")
      findings_.Add(spec_.PlaceOf("split.file"),
                    "`split.file` gives the split: shares beside it would be "
                    "ignored",
                    "remove split.test and split.validation");
    CheckExpressions();
    CheckGrid();
    if (findings_.empty()) CheckVariedFiles();
  }

  /// What concerns no varied key: the trials' own conflicts are found when
  /// they are expanded.
  void Report(const std::vector<Conflict>& conflicts) {
    const std::vector<std::string> varied = VariedPaths(spec_);
    for (const Conflict& conflict : conflicts)
      if (!Concerns(conflict, varied))
        findings_.Add(spec_.PlaceOf(conflict.paths[0]), conflict.cause,
                      conflict.cure);
  }

  static bool Concerns(const Conflict& conflict,
                       const std::vector<std::string>& varied) {
    for (const std::string& path : conflict.paths)
      for (const std::string& axis : varied)
        if (Overlap(path, axis)) return true;
    return false;
  }

  void CheckExpression(const std::string& text, const Place& place) {
    const auto compiled =
        Expression::Compile(text, [this](const std::string& word) {
          return ResolveKeyPath(schema_, word);
        });
    if (compiled.ok()) return;
    findings_.Add(place, compiled.status().cause(), compiled.status().cure());
  }

  void CheckExpressions() {
    for (const Axis& axis : spec_.axes)
      if (!axis.when.empty()) CheckExpression(axis.when, axis.when_place);
    for (const Constraint& constraint : spec_.constraints)
      CheckExpression(constraint.text, constraint.place);
  }

  void CheckGrid() {
    for (const Axis& axis : spec_.axes) {
      if (spec_.method == "grid" && !axis.GridValues().has_value())
        findings_.Add(
            axis.place,
            fmt::format("a grid cannot run through {} of `{}`",
                        DistributionName(axis.distribution), axis.path),
            "list `values`, or draw q_uniform with a step `q`, or "
            "use method: random");
      const bool endless =
          spec_.method == "random" && spec_.run_cap == 0 && !axis.enumerable();
      if (endless)
        findings_.Add(axis.place,
                      fmt::format("random draws of `{}` never end", axis.path),
                      "set run_cap to the number of trials");
    }
  }

  /// Files that varied values name.
  void CheckVariedFiles() {
    for (const Axis& axis : spec_.axes)
      for (const Json& value : axis.values)
        CheckFilesWith(axis.path, value, axis.place);
    for (std::size_t i = 0; i < spec_.listed.size(); ++i)
      for (const auto& [path, value] : spec_.listed[i].items())
        CheckFilesWith(path, value,
                       spec_.PlaceOf(fmt::format("parameters.{}", i)));
  }

  void CheckFilesWith(const std::string& path, const Json& value,
                      const Place& place) {
    if (!IsCheckedPath(path)) return;
    Json config = spec_.base;
    SetPath(config, path, value);
    for (const Conflict& conflict : CheckFiles(config, environment_))
      if (Concerns(conflict, {path}))
        findings_.Add(place, conflict.cause, conflict.cure);
  }

  const Path file_;
  const Environment& environment_;
  const Schema& schema_ = SweepSchema();
  Findings findings_;
  SweepSpec spec_;
};

}  // namespace

Json SweepSpec::canonical() const {
  Json all = base;
  Json parameters = Json::array();
  for (const Axis& axis : axes) {
    Json entry = axis.ToJson();
    entry["path"] = axis.path;
    parameters.push_back(std::move(entry));
  }
  for (const Json& trial : listed) parameters.push_back(trial);
  all["parameters"] = std::move(parameters);
  all["constraints"] = Json::array();
  for (const Constraint& constraint : constraints)
    all["constraints"].push_back(constraint.text);
  return all;
}

Place SweepSpec::PlaceOf(std::string path) const {
  while (true) {
    const auto it = places.find(path);
    if (it != places.end()) return it->second;
    if (path.empty()) return {file.string(), 1, 1};
    const std::size_t dot = path.rfind('.');
    path = dot == std::string::npos ? "" : path.substr(0, dot);
  }
}

Result<SweepSpec> ParseSweep(std::string_view text, const Path& file,
                             const std::vector<std::string>& overrides,
                             const Environment& environment) {
  return SpecReader(file, environment).Run(text, overrides);
}

Result<SweepSpec> LoadSweep(const Path& file,
                            const std::vector<std::string>& overrides,
                            const Environment& environment) {
  if (environment.kind(file) == PathKind::kFolder)
    return InvalidError(file.string(), "this is a folder", "name a YAML file");
  // A file that is far too large is not even read.
  const auto stat = StatFile(file);
  if (stat.ok() && stat->size > kLargestYaml)
    return InvalidError(
        file.string(),
        fmt::format("{} bytes are too many for a sweep", stat->size),
        fmt::format("at most {} bytes", kLargestYaml));
  const Result<std::string> text = ReadFile(file);
  if (text.ok()) return ParseSweep(*text, file, overrides, environment);
  const bool missing = text.status().code() == StatusCode::kNotFound;
  return Status(missing ? StatusCode::kNotFound : StatusCode::kInvalid,
                file.string(),
                missing ? "there is no such file" : text.status().cause(),
                "name a YAML file; `besom init DIR` writes one");
}

}  // namespace besom::sweeps
