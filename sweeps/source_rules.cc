#include "sweeps/source_rules.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <map>

namespace besom::sweeps {
namespace {

constexpr std::array<const char*, 3> kPhantomKinds = {"clear", "consolidation",
                                                      "hazy"};
constexpr std::array<const char*, 3> kParts = {"train", "validation", "test"};

std::vector<std::string> ClassesOf(const Json& config) {
  std::vector<std::string> classes;
  const Json* list = FindPath(config, "ingest.classes");
  if (list != nullptr && list->is_array())
    for (const Json& name : *list) classes.push_back(name.get<std::string>());
  return classes;
}

/// Checks one source; the loop over sources is CheckSources.
class SourceCheck {
 public:
  SourceCheck(const SourceRef& ref, const std::vector<std::string>& classes,
              std::vector<Conflict>& conflicts)
      : at_(ref.path + "."),
        source_(*ref.source),
        format_(TextAt(source_, "format")),
        classes_(classes),
        conflicts_(conflicts) {}

  void Run() {
    CheckLabels();
    if (format_ == "phantom") CheckPhantom();
    if (format_ == "metadata_csv" || format_ == "csv") CheckLabelRule();
    if (format_ == "dicom_folder") CheckDicom();
    CheckGroupRule();
  }

 private:
  void Add(const std::string& key, std::string cause, std::string cure) {
    conflicts_.push_back(
        {{at_ + key, "ingest.classes"}, std::move(cause), std::move(cure)});
  }

  bool IsClass(const std::string& name) const {
    return std::find(classes_.begin(), classes_.end(), name) != classes_.end();
  }

  void WantClass(const std::string& key, const std::string& name) {
    if (IsClass(name)) return;
    std::string cure = DidYouMean(name, classes_);
    if (!cure.empty()) cure += " ";
    Add(key, fmt::format("`{}` is no class", name),
        cure + "ingest.classes: " + JoinNames(classes_));
  }

  void CheckLabels() {
    if (const std::string label = TextAt(source_, "label"); !label.empty())
      WantClass("label", label);
    const auto labels = source_.find("labels");
    if (labels == source_.end() || !labels->is_object()) return;
    for (const auto& [from, to] : labels->items())
      if (to.is_string()) WantClass("labels." + from, to.get<std::string>());
  }

  void CheckPhantom() {
    const Json labels = source_.value("labels", Json::object());
    const std::vector<std::string> kinds(kPhantomKinds.begin(),
                                         kPhantomKinds.end());
    for (const auto& [from, to] : labels.items())
      if (std::find(kinds.begin(), kinds.end(), from) == kinds.end())
        Add("labels." + from, fmt::format("phantom draws no `{}`", from),
            "it draws: " + JoinNames(kinds));
    const Json marker = source_.value("marker", Json::object());
    for (const auto& [kind, share] : marker.items())
      if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
        Add("marker." + kind, fmt::format("phantom draws no `{}`", kind),
            "it draws: " + JoinNames(kinds));
    bool draws = false;
    for (const std::string& kind : kinds)
      draws = draws || !labels.contains(kind) || !labels[kind].is_null();
    if (!draws)
      Add("labels", "phantom draws nothing: every kind is left out",
          "map one of them to a class");
    for (const std::string& kind : kinds)
      if (!labels.contains(kind) && !IsClass(kind))
        Add("labels",
            fmt::format("phantom draws `{}`, which is no class", kind),
            fmt::format("labels: {{{}: CLASS}}, or null to draw none", kind));
  }

  void CheckLabelRule() {
    const bool label = !TextAt(source_, "label").empty();
    const bool column = !TextAt(source_, "label_column").empty();
    if (label && column)
      Add("label_column", "`label` and `label_column` exclude each other",
          "keep one of them");
    if (!label && !column)
      Add("label", "nothing says which class its images are",
          "give `label: CLASS` or `label_column: COLUMN`");
  }

  bool Has(const char* key) const { return !TextAt(source_, key).empty(); }

  void CheckDicom() {
    const int rules = Has("label") + Has("label_tag") + Has("label_column");
    if (rules > 1)
      Add("label", "`label`, `label_tag` and `label_column` exclude each other",
          "keep one of them");
    if (rules == 0)
      Add("label", "nothing says which class its images are",
          "give `label: CLASS`, `label_tag: TAG`, or `table` and "
          "`label_column`");
    for (const char* key : {"label_column", "group_column"})
      if (Has(key) && !Has("table"))
        Add(key, "there is no table that holds such a column",
            "give `table: FILE.csv`");
    if (Has("table") && !Has("label_column") && !Has("group_column"))
      Add("table", "nothing is read from it",
          "give `label_column` or `group_column`");
  }

  void CheckGroupRule() {
    const std::string pattern = TextAt(source_, "group_pattern");
    if (pattern.empty()) return;
    if (!TextAt(source_, "group_column").empty())
      Add("group_pattern",
          "`group_column` and `group_pattern` exclude each other",
          "keep one of them");
    RE2::Options options;
    options.set_log_errors(false);
    const RE2 compiled(pattern, options);
    if (!compiled.ok())
      Add("group_pattern",
          fmt::format("`{}` is no regular expression: {}", pattern,
                      compiled.error()),
          "RE2 syntax; write it in single quotes, e.g. '^(\\d+)_'");
    else if (compiled.NumberOfCapturingGroups() == 0)
      Add("group_pattern", fmt::format("`{}` captures nothing", pattern),
          "put what names the patient in (...)");
  }

  const std::string at_;
  const Json& source_;
  const std::string format_;
  const std::vector<std::string>& classes_;
  std::vector<Conflict>& conflicts_;
};

/// Names are columns of tables, parts of --set paths and names of sets.
std::string NameProblem(const SourceRef& ref, const std::string& name) {
  const bool number = !name.empty() &&
                      name.find_first_not_of("0123456789") == std::string::npos;
  if (name.empty() || number) return "a source's name needs a letter";
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == '/')
      return "a source's name cannot hold `/` or control characters";
  if (ref.external &&
      std::find(kParts.begin(), kParts.end(), name) != kParts.end())
    return fmt::format("an external set cannot be called `{}`", name);
  return "";
}

}  // namespace

std::string TextAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || !it->is_string() ? "" : it->get<std::string>();
}

void FillPatients(Json& sources) {
  for (Json& source : sources)
    if (source.contains("patients") && source["patients"] == "" &&
        source.contains("name"))
      source["patients"] = source["name"];
}

std::vector<SourceRef> SourcesOf(const Json& config) {
  std::vector<SourceRef> sources;
  for (const char* list : {"ingest.sources", "evaluate.external"}) {
    const Json* array = FindPath(config, list);
    if (array == nullptr || !array->is_array()) continue;
    for (std::size_t i = 0; i < array->size(); ++i)
      sources.push_back(
          {fmt::format("{}.{}", list, i), &(*array)[i], list[0] == 'e'});
  }
  return sources;
}

void CheckSources(const Json& config, std::vector<Conflict>& conflicts) {
  const std::vector<std::string> classes = ClassesOf(config);
  std::map<std::string, std::string> names;
  for (const SourceRef& ref : SourcesOf(config)) {
    if (ref.source->contains("name")) {
      const std::string name = TextAt(*ref.source, "name");
      const std::string path = ref.path + ".name";
      const std::string problem = NameProblem(ref, name);
      if (!problem.empty()) conflicts.push_back({{path}, problem, "rename it"});
      const auto [it, is_new] = names.emplace(name, path);
      if (!is_new)
        conflicts.push_back(
            {{path, it->second},
             fmt::format("two sources are called `{}`", name),
             "rename one; equal `patients` share ids, not equal names"});
    }
    if (!classes.empty()) SourceCheck(ref, classes, conflicts).Run();
  }
}

}  // namespace besom::sweeps
