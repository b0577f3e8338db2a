#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::sweeps {

/// `METRIC[/CLASS | /macro | /weighted]` of the YAML, as the columns `name`
/// and `class` of the view `metrics` hold it.
struct MetricName {
  std::string name;                ///< "recall", "loss", ...
  std::optional<std::string> cls;  ///< A class, "macro avg", "weighted avg";
                                   ///< none = an overall figure (NULL).

  /// "sensitivity", "ppv" and "auc" stand for recall, precision and roc_auc.
  /// kInvalid (without a place) for an unknown metric or class, a per-class
  /// metric without a class, or an overall metric with one.
  static Result<MetricName> Parse(std::string_view text,
                                  const std::vector<std::string>& classes);
  /// The YAML form: "recall/covid", "f1/macro", "loss".
  std::string ToString() const;
  /// True for figures that are better when lower.
  bool lower_is_better() const {
    return name == "loss" || name == "log_loss" || name == "brier" ||
           name == "ece" || name == "expected_cost";
  }
  /// k of `top_k`, which is made where there are more than k classes.
  /// REQUIRES: made by Parse.
  std::optional<int> top() const {
    if (!name.starts_with("top_")) return std::nullopt;
    return std::stoi(name.substr(4));
  }
  bool operator==(const MetricName&) const = default;
};

/// The metrics that are known: overall ones, then those of one class.
std::vector<std::string> OverallMetrics();
std::vector<std::string> ClassMetrics();

}  // namespace besom::sweeps
