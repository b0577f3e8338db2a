#include "sweeps/metric_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "sweeps/diagnostics.h"

namespace besom::sweeps {
namespace {

constexpr std::string_view kMacro = "macro avg";
constexpr std::string_view kWeighted = "weighted avg";

bool Has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status Unknown(const std::string& name) {
  std::vector<std::string> known = OverallMetrics();
  for (const std::string& metric : ClassMetrics())
    known.push_back(metric + "/CLASS");
  std::vector<std::string> words = OverallMetrics();
  for (const std::string& metric : ClassMetrics()) words.push_back(metric);
  std::string cure = DidYouMean(name, words);
  if (!cure.empty()) cure += " ";
  return InvalidError("", fmt::format("there is no metric `{}`", name),
                      cure + "metrics: " + JoinNames(known));
}

/// The name in the tables of what has several names.
std::string Standard(std::string_view name) {
  if (name == "sensitivity") return "recall";
  if (name == "ppv") return "precision";
  if (name == "auc") return "roc_auc";
  return std::string(name);
}

}  // namespace

std::vector<std::string> OverallMetrics() {
  return {"loss",  "accuracy", "balanced_accuracy",
          "kappa", "mcc",      "top_2",
          "top_3", "top_5",    "brier",
          "ece",   "log_loss", "expected_cost"};
}

std::vector<std::string> ClassMetrics() {
  return {"precision", "recall", "f1", "specificity", "support",
          "npv",       "f0.5",   "f2", "roc_auc",     "pr_auc"};
}

Result<MetricName> MetricName::Parse(std::string_view text,
                                     const std::vector<std::string>& classes) {
  const std::size_t slash = text.find('/');
  MetricName metric;
  metric.name = Standard(text.substr(0, slash));
  const bool has_class = slash != std::string_view::npos;
  if (Has(OverallMetrics(), metric.name)) {
    if (!has_class) return metric;
    return InvalidError(
        "", fmt::format("`{}` is one figure for all classes", metric.name),
        fmt::format("write `{}`", metric.name));
  }
  if (!Has(ClassMetrics(), metric.name)) return Unknown(metric.name);
  if (!has_class)
    return InvalidError(
        "", fmt::format("`{}` has one value a class", metric.name),
        fmt::format("write {0}/CLASS (classes: {1}), {0}/macro or {0}/weighted",
                    metric.name, JoinNames(classes)));
  const std::string cls(text.substr(slash + 1));
  if (cls == "macro" || cls == "weighted") {
    metric.cls = cls == "macro" ? kMacro : kWeighted;
    return metric;
  }
  metric.cls = cls;
  if (Has(classes, cls)) return metric;
  std::string cure = DidYouMean(cls, classes);
  if (!cure.empty()) cure += " ";
  return InvalidError("", fmt::format("`{}` is no class", cls),
                      cure + "classes: " + JoinNames(classes));
}

std::string MetricName::ToString() const {
  if (!cls.has_value()) return name;
  if (*cls == kMacro) return name + "/macro";
  if (*cls == kWeighted) return name + "/weighted";
  return name + "/" + *cls;
}

}  // namespace besom::sweeps
