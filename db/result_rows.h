#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace besom::db {

// Plain values that the recorder hands to the results store. Digests and keys
// are lower-case hexadecimal; times are seconds since 1970-01-01 UTC, given by
// the caller's clock; texts may hold any UTF-8.

struct MetricRow {
  std::string name;
  std::string cls;              ///< "" = overall.
  std::optional<double> value;  ///< None = NULL.
  /// Its confidence interval, how that was made and on how many groups.
  std::optional<double> low = {}, high = {};
  std::optional<std::string> method = {};
  std::optional<std::int64_t> groups = {};
  std::optional<double> sd = {};  ///< Over fits.
};

/// A point of a curve; those of one class and kind in order.
struct CurveRow {
  std::string cls;  ///< "" = of the predicted class.
  std::string kind;
  double x = 0, y = 0;
  std::optional<double> threshold;
};

struct EpochMetricRow {
  std::string split;
  int epoch = 0;  ///< From 0.
  std::string name;
  std::string cls;
  std::optional<double> value;
};

struct PredictionRow {
  std::string source, path;           ///< The image.
  int actual = 0, predicted = 0;      ///< Indices into FitRow::classes.
  std::vector<double> probabilities;  ///< One per class.
};

/// One set in one fit.
struct SetRow {
  std::string split;  ///< "train", "validation", "test", an external name.
  std::vector<MetricRow> metrics;
  std::vector<std::vector<std::int64_t>> confusion;  ///< [actual][predicted]
  std::vector<PredictionRow> predictions;
  std::vector<CurveRow> curves;
  std::vector<MetricRow> decided;  ///< Under the threshold; empty without one.
};

/// The threshold of a fit, or of all fits of a trial.
struct ThresholdRow {
  std::string cls;
  std::string target;           ///< As the spec writes it.
  std::optional<double> value;  ///< None = the target is out of reach.
  std::int64_t positive_groups = 0;
  bool reliable = false;
};

/// The evaluation of one fit. Replaces what was stored for the same
/// (trial, repeat, fold).
struct FitRow {
  std::string trial;
  int repeat = 0, fold = 0;
  std::vector<std::string> classes;
  std::vector<SetRow> sets;
  std::vector<EpochMetricRow> history;
  int chosen_epoch = 0;
  std::optional<ThresholdRow> threshold;
  double seconds = 0;           ///< Of the fit's own tasks, wherever they ran.
  std::string head_digest;      ///< Of the blob with its weights; "" = none.
  std::uint64_t head_size = 0;  ///< Of that blob, bytes.
};

/// A comparison of two trials, as in the view `comparisons`.
struct ComparisonRow {
  std::string metric, split, method, a, b;
  std::optional<double> difference, low, high, p, p_adjusted;
};

/// One image met, used or not. (source, path) is its identity in the sweep.
struct ImageRow {
  std::string source, path;
  std::string label;     ///< "" = NULL.
  std::string patients;  ///< Id space of the group.
  std::string group;
  std::string left_out;       ///< Why; "" = it is in a set.
  std::string duplicate_of;   ///< source/path of another; "" = of none.
  int width = 0, height = 0;  ///< 0 = not decoded: NULL.
  std::string mode;
  std::string content;  ///< SHA-256 of the file; "" = NULL.
  /// One per fit, in the order repeat * folds + fold; "" = in no set there.
  std::vector<std::string> sets;
};

/// Every image of a sweep.
struct ImageTable {
  int folds = 1;
  std::vector<ImageRow> images;
};

/// How well a probe of a shortcut audit tells classes apart.
struct AuditRow {
  std::string probe;             ///< "facts", "file", "ring", "blur".
  bool may_alarm = false;        ///< It sees no lung.
  std::string class_a, class_b;  ///< "" = all classes.
  double balanced_accuracy = 0;
  std::optional<double> low, high;  ///< Of its own 95 % interval.
  /// Lower end of the interval that allows for all comparisons of the audit.
  std::optional<double> bound;
  std::string method;
  double chance = 0;
  std::int64_t images = 0, groups = 0;
  int folds = 0;
};

/// The audit of a sweep.
using AuditTable = std::vector<AuditRow>;

}  // namespace besom::db
