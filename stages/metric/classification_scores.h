#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace besom::stages {

// Scores of predicted classes, from counts alone. No value = not defined
// (INTERFACE: "Metric names"). Pure functions; any thread. Over classes with
// support each equals scikit-learn's function of the same purpose.

/// counts[actual][predicted], square.
using ConfusionCounts = std::vector<std::vector<std::int64_t>>;

/// One class against the rest.
struct ClassCounts {
  std::int64_t hits = 0;       ///< Of the class and predicted so.
  std::int64_t predicted = 0;  ///< Predicted to be of the class.
  std::int64_t support = 0;    ///< Of the class.
  std::int64_t total = 0;      ///< All images of the set.
};

/// One entry per class. REQUIRES: counts is square.
std::vector<ClassCounts> CountsByClass(const ConfusionCounts& counts);

/// Share of the predicted that are of the class (also: positive predictive
/// value). Never predicted: 0 if the class has support, else none.
std::optional<double> Precision(const ClassCounts& c);
/// Share of the class that is predicted so (also: sensitivity). No support:
/// none.
std::optional<double> Recall(const ClassCounts& c);
/// Recall of "not this class". No other images: none.
std::optional<double> Specificity(const ClassCounts& c);
/// Precision of "not this class" (negative predictive value), and with its
/// rule: all predicted to be of the class: 0 if there are others, else none.
std::optional<double> NegativePredictiveValue(const ClassCounts& c);
/// Weighted harmonic mean of precision and recall, recall beta times as
/// important (van Rijsbergen, Information Retrieval, 1979, chapter 7). A class
/// with neither support nor predictions: none. REQUIRES: beta > 0.
std::optional<double> FBeta(const ClassCounts& c, double beta);

/// Mean of a score over those classes with support that have one, each counted
/// once or by its support; none without such classes.
std::optional<double> ClassAverage(
    const std::vector<ClassCounts>& classes,
    const std::vector<std::optional<double>>& scores, bool weighted);

/// Agreement beyond chance (Cohen, Educ. Psychol. Meas. 20:37, 1960). Empty,
/// or chance agrees always (one class, always predicted): none.
std::optional<double> CohenKappa(const ConfusionCounts& counts);
/// Matthews' correlation for any number of classes (Gorodkin, Comput. Biol.
/// Chem. 28:367, 2004). One class only, actual or predicted: 0; empty: none.
std::optional<double> MatthewsCorrelation(const ConfusionCounts& counts);

}  // namespace besom::stages
