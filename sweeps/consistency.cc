#include "sweeps/consistency.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sweeps/metric_bound.h"
#include "sweeps/metric_name.h"
#include "sweeps/schema.h"
#include "sweeps/section_reader.h"
#include "sweeps/source_rules.h"

namespace besom::sweeps {
namespace {

constexpr std::size_t kLongestName = 100;

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Prefixed(const std::string& hint, const std::string& rest) {
  return hint.empty() ? rest : hint + " " + rest;
}

/// Checks one document. Each member looks at one rule.
class Checker {
 public:
  explicit Checker(const Json& config) : config_(config) {
    for (const Json& name : ListAt("ingest.classes"))
      classes_.push_back(name.get<std::string>());
  }

  std::vector<Conflict> Run() {
    CheckName();
    CheckClasses();
    CheckSources(config_, conflicts_);
    CheckSplit();
    CheckTraining();
    CheckWeights();
    CheckTorchScript();
    CheckClassNames();
    CheckMetric();
    return std::move(conflicts_);
  }

 private:
  void Add(std::vector<std::string> paths, std::string cause,
           std::string cure) {
    conflicts_.push_back({std::move(paths), std::move(cause), std::move(cure)});
  }

  std::string TextOf(const char* path) const {
    const Json* value = FindPath(config_, path);
    return value == nullptr || !value->is_string() ? ""
                                                   : value->get<std::string>();
  }

  double NumberOf(const char* path, double missing) const {
    const Json* value = FindPath(config_, path);
    return value == nullptr || !value->is_number() ? missing
                                                   : value->get<double>();
  }

  Json ListAt(const char* path) const {
    const Json* value = FindPath(config_, path);
    return value == nullptr || !value->is_array() ? Json::array() : *value;
  }

  void CheckName() {
    if (!config_.contains("name")) return;
    const std::string name = TextOf("name");
    const auto allowed = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    const bool good = !name.empty() && name.size() <= kLongestName &&
                      std::all_of(name.begin(), name.end(), allowed) &&
                      name[0] != '.' && name[0] != '-';
    if (!good)
      Add({"name"}, fmt::format("`{}` cannot name a sweep", name),
          "letters, digits, `.`, `_` and `-`, at most 100, not first `.` `-`");
  }

  void CheckClasses() {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < classes_.size(); ++i) {
      const std::string& name = classes_[i];
      const std::string path = fmt::format("ingest.classes.{}", i);
      const bool taken = name == "macro" || name == "weighted" ||
                         name == "macro avg" || name == "weighted avg";
      if (name.empty() || taken)
        Add({path}, fmt::format("`{}` cannot name a class", name),
            "rename it; `labels` maps what the data calls it");
      if (!seen.insert(name).second)
        Add({path}, fmt::format("the class `{}` stands twice", name),
            "keep one of them");
    }
  }

  /// True when some image is for validation in every fit.
  bool HasValidation() const {
    if (NumberOf("split.validation", 1) > 0) return true;
    if (!TextOf("split.file").empty()) return true;
    if (NumberOf("split.folds", 1) > 1 && NumberOf("split.test", 0) > 0)
      return true;
    for (const SourceRef& ref : SourcesOf(config_))
      if (TextAt(*ref.source, "use") == "validation") return true;
    return false;
  }

  void CheckSplit() {
    const double sum =
        NumberOf("split.test", 0) + NumberOf("split.validation", 0);
    if (sum >= 1)
      Add({"split.validation", "split.test"},
          fmt::format("test and validation take {} of the images: none is left "
                      "to train on",
                      sum),
          "their sum must be below 1");
    const char* patience = "train.early_stopping.patience";
    if (NumberOf(patience, 0) > 0 && !HasValidation())
      Add({patience, "split.validation", "split.folds", "split.test",
           "split.file", "ingest.sources"},
          "early stopping needs a validation set, and there is none",
          "patience: 0, or a share for split.validation");
  }

  /// The name of a key that is a word, or a map with `type`.
  std::string TypeOf(const char* path) const {
    const Json* value = FindPath(config_, path);
    if (value == nullptr) return "";
    if (value->is_object()) return value->value("type", "");
    return TextOf(path);
  }

  void CheckTraining() {
    if (TypeOf("train.schedule") == "plateau" && !HasValidation())
      Add({"train.schedule", "split.validation", "split.folds", "split.test",
           "split.file", "ingest.sources"},
          "plateau looks at the validation loss, and there is no validation "
          "set",
          "another schedule, or a share for split.validation");
    const double epochs = NumberOf("train.epochs", 1);
    const double warmup = NumberOf("train.warmup.epochs", 0);
    if (warmup >= epochs)
      Add({"train.warmup.epochs", "train.epochs"},
          fmt::format("a warm-up of {} epochs leaves none of {}", warmup,
                      epochs),
          "fewer epochs of warm-up, or more epochs");
    const double steps = NumberOf("train.warmup.steps", 0);
    const Json* given = FindPath(config_, "train.warmup");
    if (given != nullptr && given->is_object() && warmup + steps == 0)
      Add({"train.warmup"}, "the warm-up has no length",
          "give it epochs or steps, or warmup: none");
    if (warmup > 0 && steps > 0)
      Add({"train.warmup.steps", "train.warmup.epochs"},
          "the warm-up's length is given in epochs and in steps",
          "keep one of them");
    const bool loss = TextOf("train.keep.metric") == "loss";
    const std::string wanted = loss ? "minimize" : "maximize";
    const std::string goal = TextOf("train.keep.goal");
    if (!goal.empty() && goal != wanted)
      Add({"train.keep.goal", "train.keep.metric"},
          fmt::format("to {} {} keeps the worst epoch", goal,
                      TextOf("train.keep.metric")),
          "train.keep.goal: " + wanted);
  }

  void CheckWeights() {
    const Json* weights = FindPath(config_, "model.weights");
    if (weights == nullptr || !weights->is_object()) return;
    const Key* key = SweepSchema().Find("model.backbone");
    const std::vector<std::string> backbones = WordsOf(key->forms);
    for (const auto& [name, value] : weights->items())
      if (!Has(backbones, name))
        Add({"model.weights." + name},
            fmt::format("there is no backbone `{}`", name),
            Prefixed(DidYouMean(name, backbones),
                     "backbones: " + JoinNames(backbones)));
    const std::string backbone = TextOf("model.backbone");
    if (!backbone.empty() && !weights->contains(backbone))
      Add({"model.weights", "model.backbone"},
          fmt::format("`model.weights` has no entry for {}", backbone),
          fmt::format("add {}: imagenet | random | FILE.safetensors",
                      backbone));
  }

  /// What only networks that besom knows layer by layer can do.
  void CheckTorchScript() {
    if (FindPath(config_, "model.backbone.torchscript") == nullptr) return;
    const auto only = [&](const char* path, std::string_view allowed,
                          std::string_view why) {
      const std::string value = TextOf(path);
      if (!value.empty() && value != allowed)
        Add({path, "model.backbone"},
            fmt::format("`{}: {}` with a TorchScript file: {}", path, value,
                        why),
            fmt::format("use {}", allowed));
    };
    only("model.unfreeze", "none", "its base is always frozen");
    only("model.cut", "full", "its blocks are not known");
    only("model.weights", "imagenet",
         "the file holds its weights, and the key must be left out");
    if (TextOf("model.precision") == "bf16")
      Add({"model.precision", "model.backbone"},
          "`model.precision: bf16` with a TorchScript file, which is computed "
          "in fp32",
          "use fp32");
    const Json* size = FindPath(config_, "ingest.image_size");
    if (size != nullptr && !size->is_number())
      Add({"ingest.image_size", "model.backbone"},
          "a TorchScript file does not say what images it takes",
          "give ingest.image_size: pixels of a side");
  }

  void CheckClassNames() {
    if (classes_.empty()) return;
    const auto want = [&](const std::string& path, const std::string& name) {
      if (Has(classes_, name)) return;
      Add({path, "ingest.classes"}, fmt::format("`{}` is no class", name),
          Prefixed(DidYouMean(name, classes_),
                   "ingest.classes: " + JoinNames(classes_)));
    };
    const std::string positive = TextOf("evaluate.positive");
    if (!positive.empty()) want("evaluate.positive", positive);
    const Json* weights = FindPath(config_, "train.class_weights");
    if (weights != nullptr && weights->is_object())
      for (const auto& [name, value] : weights->items())
        want("train.class_weights." + name, name);
    const Json* costs = FindPath(config_, "evaluate.costs");
    if (costs == nullptr) return;
    for (const auto& [actual, row] : costs->items()) {
      const std::string path = "evaluate.costs." + actual;
      want(path, actual);
      for (const auto& [predicted, cost] : row.items()) {
        want(path + "." + predicted, predicted);
        if (actual == predicted && cost != 0)
          Add({path + "." + predicted}, "being right has a cost",
              "leave it out: the diagonal is 0");
      }
    }
  }

  void CheckMetricName(const std::string& path, const std::string& text) {
    const auto metric = MetricName::Parse(text, classes_);
    AddIfBad(path, metric);
    if (metric.ok()) CheckHasValue(path, *metric);
  }

  /// No trial would have a value of a figure that is not made.
  void CheckHasValue(const std::string& path, const MetricName& metric) {
    if (metric.name == "expected_cost" && !HasCosts())
      Add({path, "evaluate.costs"},
          "`expected_cost` needs costs, and there are none",
          "give evaluate.costs, as {covid: {normal: 20}}");
    const std::optional<int> top = metric.top();
    if (top && static_cast<std::size_t>(*top) >= classes_.size())
      Add({path, "ingest.classes"},
          fmt::format("`{}` of {} classes is no figure: all are among them",
                      metric.name, classes_.size()),
          classes_.size() > 2 ? "write top_2 or accuracy" : "write accuracy");
  }

  bool HasCosts() const {
    const Json* costs = FindPath(config_, "evaluate.costs");
    return costs != nullptr && !costs->empty();
  }

  void CheckMetric() {
    if (!classes_.empty()) {
      if (config_.contains("metric") && config_["metric"].contains("name"))
        CheckMetricName("metric.name", TextOf("metric.name"));
      const Json then = ListAt("metric.then");
      for (std::size_t i = 0; i < then.size(); ++i)
        CheckMetricName(fmt::format("metric.then.{}", i),
                        then[i].get<std::string>());
    }
    CheckBounds();
    CheckMetricSplit();
  }

  void CheckBounds() {
    if (classes_.empty()) return;
    const Json bounds = ListAt("metric.subject_to");
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const std::string path = fmt::format("metric.subject_to.{}", i);
      const auto bound =
          MetricBound::Parse(bounds[i].get<std::string>(), classes_);
      AddIfBad(path, bound);
      if (bound.ok()) CheckHasValue(path, bound->metric);
    }
    constexpr const char* kTarget = "evaluate.threshold.target";
    const std::string target = TextOf(kTarget);
    if (target.empty()) return;
    AddIfBad(kTarget, ParseThresholdTarget(target, classes_));
    if (!HasValidation())
      Add({kTarget, "split.validation", "split.folds", "split.test",
           "split.file", "ingest.sources"},
          "a threshold is chosen on validation, and there is no validation set",
          "give split.validation a share");
  }

  /// `parsed`: a metric's name, or what begins with one.
  template <typename T>
  void AddIfBad(const std::string& path, const Result<T>& parsed) {
    if (!parsed.ok())
      Add({path, "ingest.classes"}, parsed.status().cause(),
          parsed.status().cure());
  }

  void CheckMetricSplit() {
    std::vector<std::string> externals;
    for (const SourceRef& ref : SourcesOf(config_))
      if (ref.external) externals.push_back(TextAt(*ref.source, "name"));
    const std::string split = TextOf("metric.split");
    if (split.empty() || split == "train") return;
    if (split == "validation") {
      if (!HasValidation())
        Add({"metric.split", "split.validation", "split.folds", "split.test",
             "split.file", "ingest.sources"},
            "trials are ranked on validation, and there is no validation set",
            "give split.validation a share, or metric.split: train");
      return;
    }
    const bool external = Has(externals, split);
    if (split != "test" && !external) {
      std::vector<std::string> sets = {"train", "validation", "test"};
      sets.insert(sets.end(), externals.begin(), externals.end());
      Add({"metric.split", "evaluate.external"},
          fmt::format("there is no set `{}`", split),
          Prefixed(DidYouMean(split, sets), "sets: " + JoinNames(sets)));
      return;
    }
    const Json* allowed = FindPath(config_, "metric.allow_test");
    if (allowed != nullptr && *allowed == true) return;
    Add({"metric.split"},
        fmt::format("selecting on {} would spoil it as a held-out set", split),
        "select on validation, or metric.allow_test: true (it is then marked "
        "everywhere)");
  }

  const Json& config_;
  std::vector<std::string> classes_;
  std::vector<Conflict> conflicts_;
};

/// A key that names a file or folder.
struct NamedFile {
  std::string at;
  std::string path;
  bool folder = false;
};

void AppendSourceFiles(const SourceRef& ref, std::vector<NamedFile>& files) {
  const std::string path = TextAt(*ref.source, "path");
  if (path.empty()) return;
  const bool folder = TextAt(*ref.source, "format") != "csv";
  files.push_back({ref.path + ".path", path, folder});
  const std::string table = TextAt(*ref.source, "table");
  if (!table.empty()) files.push_back({ref.path + ".table", table, false});
  const std::string images = TextAt(*ref.source, "image_folder");
  if (images.empty()) return;
  const Path root = folder ? Path(path) : Path(path).parent_path();
  files.push_back({ref.path + ".image_folder",
                   (root / images).lexically_normal().string(), true});
}

std::vector<NamedFile> FilesOf(const Json& config) {
  std::vector<NamedFile> files;
  for (const SourceRef& ref : SourcesOf(config)) AppendSourceFiles(ref, files);
  const Json* split = FindPath(config, "split.file");
  if (split != nullptr && split->is_string() && *split != "")
    files.push_back({"split.file", split->get<std::string>(), false});
  const auto add_weights = [&](const std::string& at, const Json& weights) {
    const bool path =
        weights.is_string() &&
        weights.get_ref<const std::string&>().ends_with(".safetensors");
    if (path) files.push_back({at, weights.get<std::string>(), false});
  };
  const Json* script = FindPath(config, "model.backbone.torchscript");
  if (script != nullptr && script->is_string())
    files.push_back({"model.backbone", script->get<std::string>(), false});
  const Json* weights = FindPath(config, "model.weights");
  if (weights == nullptr) return files;
  add_weights("model.weights", *weights);
  if (weights->is_object())
    for (const auto& [name, value] : weights->items())
      add_weights("model.weights." + name, value);
  return files;
}

}  // namespace

std::vector<Conflict> CheckConsistency(const Json& config) {
  return Checker(config).Run();
}

std::vector<Conflict> CheckFiles(const Json& config,
                                 const Environment& environment) {
  std::vector<Conflict> conflicts;
  std::string missing;
  for (const NamedFile& file : FilesOf(config)) {
    const PathKind kind = environment.kind(file.path);
    const PathKind wanted = file.folder ? PathKind::kFolder : PathKind::kFile;
    if (kind == wanted) continue;
    // A folder inside a source that is missing itself says nothing new.
    if (!missing.empty() && file.path.starts_with(missing)) continue;
    const std::string what = file.folder ? "folder" : "file";
    if (kind == PathKind::kMissing) missing = file.path;
    conflicts.push_back({{file.at},
                         kind == PathKind::kMissing
                             ? fmt::format("there is no {} {}", what, file.path)
                             : fmt::format("{} is no {}", file.path, what),
                         "relative paths start from the YAML file's folder"});
  }
  return conflicts;
}

bool IsCheckedPath(const std::string& path) {
  for (const char* section :
       {"ingest", "split", "evaluate", "train.early_stopping",
        "train.class_weights", "train.schedule", "train.warmup", "train.epochs",
        "train.keep", "model.weights", "model.backbone", "model.unfreeze",
        "model.cut", "model.precision"})
    if (Overlap(path, section)) return true;
  return false;
}

bool Overlap(const std::string& a, const std::string& b) {
  return a == b || a.starts_with(b + ".") || b.starts_with(a + ".");
}

}  // namespace besom::sweeps
