#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace besom::cli {

/// One line of a classification report; no value is printed as `-`.
struct ClassFigures {
  std::string name;  ///< A class, "macro avg" or "weighted avg".
  std::optional<double> precision, recall, f1;
  double support = 0;
};

/// A classification report of one set.
struct ClassReport {
  std::vector<ClassFigures> classes;   ///< In the order of the spec.
  std::vector<ClassFigures> averages;  ///< macro avg, weighted avg.
  std::optional<double> accuracy;
};

/// counts[actual][predicted].
using Counts = std::vector<std::vector<std::int64_t>>;

/// The report as scikit-learn makes it with `zero_division=0` and all classes
/// as `labels`: a quotient with denominator 0 is 0, averages are over all
/// classes. REQUIRES: counts is square, one row per class.
ClassReport ReportOfCounts(const std::vector<std::string>& classes,
                           const Counts& counts);

/// The text of scikit-learn 1.9's classification_report(digits=2), byte for
/// byte where every figure has a value.
std::string ReportText(const ClassReport& report);

/// The matrix with the classes as labels; rows actual, columns predicted.
std::string CountsText(const std::vector<std::string>& classes,
                       const Counts& counts);

}  // namespace besom::cli
