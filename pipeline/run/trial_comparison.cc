#include "pipeline/run/trial_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "pipeline/run/trial_sets.h"
#include "stages/metric/holm.h"
#include "stages/metric/resampled_t.h"
#include "stages/metric/set_scorer.h"

namespace besom::run {
namespace {

constexpr double kLevel = 0.95;

/// One figure of each fit, by (repeat, fold), with how many images it was
/// taken on and how many the fit was trained on.
struct FitValue {
  double value = 0, images = 0, trained = 0;
};
using FitValues = std::map<std::pair<std::int64_t, std::int64_t>, FitValue>;

Result<FitValues> FitValuesOf(db::Reader& reader, const db::TrialName& trial,
                              std::string_view metric,
                              const std::string& split) {
  const auto images_of = [](const char* set) {
    return fmt::format(
        "(SELECT n.value FROM metrics n WHERE n.sweep = m.sweep AND n.trial = "
        "m.trial AND n.repeat = m.repeat AND n.fold = m.fold AND n.split = {} "
        "AND n.epoch IS NULL AND n.class = 'macro avg' AND n.name = 'support' "
        "AND n.rule = 'largest')",
        set);
  };
  const stages::MetricKey key = stages::ParseMetricKey(metric);
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query(
          fmt::format("SELECT repeat, fold, value, {}, {} FROM metrics m WHERE "
                      "sweep = ? AND trial = ? AND split = ? AND name = ? AND "
                      "coalesce(class, '') = ? AND epoch IS NULL AND rule = "
                      "'largest' AND repeat IS NOT NULL AND value IS NOT NULL",
                      images_of("m.split"), images_of("'train'")),
          {trial.sweep, trial.trial, split, key.name, key.cls.value_or("")}));
  FitValues values;
  for (const auto& row : rows.rows)
    values[{db::IntegerOf(row[0]), db::IntegerOf(row[1])}] = {
        db::NumberOf(row[2]), db::NumberOf(row[3]), db::NumberOf(row[4])};
  return values;
}

/// Compares fit by fit; `left`: of the first trial.
Status CompareFits(db::Reader& reader, const FitValues& left,
                   const db::TrialName& b, TrialComparison& line) {
  BESOM_ASSIGN_OR_RETURN(const FitValues right,
                         FitValuesOf(reader, b, line.test.metric, line.split));
  line.test.method = "resampled_t";
  line.unit = "fits";
  std::vector<double> differences;
  double ratio = 0, sum_a = 0, sum_b = 0;
  for (const auto& [fit, of_a] : left) {
    const auto of_b = right.find(fit);
    if (of_b == right.end() || of_b->second.images != of_a.images) {
      line.why_not = "their fits are not of the same splits";
      return Status::Ok();
    }
    differences.push_back(of_a.value - of_b->second.value);
    sum_a += of_a.value;
    sum_b += of_b->second.value;
    ratio += of_a.trained > 0 ? of_a.images / of_a.trained : 0;
  }
  if (differences.empty() || left.size() != right.size()) {
    line.why_not = "not every fit of both has a value";
    return Status::Ok();
  }
  const double n = static_cast<double>(differences.size());
  line.units = static_cast<std::int64_t>(differences.size());
  line.value_a = sum_a / n;
  line.value_b = sum_b / n;
  const stages::ResampledT t =
      stages::CorrectedResampledT(differences, ratio / n, kLevel);
  line.test.difference = t.mean;
  line.test.low = t.low;
  line.test.high = t.high;
  line.test.p = t.p;
  return Status::Ok();
}

/// Compares image by image.
Status ComparePredictions(const TrialSet& a, const TrialSet& b,
                          const std::string& method, TrialComparison& line) {
  if (a.images.empty() || b.images.empty()) {
    line.why_not = "no predictions of this set are kept";
    return Status::Ok();
  }
  if (a.images != b.images || a.classes != b.classes ||
      a.scored.actual != b.scored.actual) {
    line.why_not = "they were not asked about the same images";
    return Status::Ok();
  }
  const std::string metric = line.test.metric;
  // The loss comes from logits and is kept with the fit; its test is that of
  // the same figure from probabilities.
  const std::string tested = metric == "loss" ? "log_loss" : metric;
  BESOM_ASSIGN_OR_RETURN(
      line.test, stages::CompareSets(a.classes, a.scored, b.scored, tested,
                                     {.method = method}));
  line.test.metric = metric;
  const auto value = [&](const TrialSet& set) {
    const stages::SetScorer scorer(set.classes, set.scored);
    return scorer.Value(*scorer.Find(tested), {});
  };
  line.value_a = value(a);
  line.value_b = value(b);
  const bool by_image = line.test.method == "delong" ||
                        line.test.method == "mcnemar_exact" ||
                        !stages::HasSharedGroups(a.scored);
  line.unit = by_image ? "images" : "patient groups";
  line.units = by_image ? static_cast<std::int64_t>(a.images.size())
                        : stages::GroupCountOf(a.scored);
  return Status::Ok();
}

/// By trial: whether it was evaluated on a set. kInvalid where none was.
Result<std::vector<bool>> AreEvaluated(db::Reader& reader,
                                       const std::vector<db::TrialName>& trials,
                                       const std::string& split) {
  std::vector<bool> evaluated;
  std::string sets;
  for (const db::TrialName& trial : trials) {
    BESOM_ASSIGN_OR_RETURN(
        const db::Table rows,
        reader.Query("SELECT DISTINCT split FROM confusion_matrix WHERE sweep "
                     "= ? AND trial = ? ORDER BY split",
                     {trial.sweep, trial.trial}));
    bool found = false;
    for (const auto& row : rows.rows) {
      const std::string set = db::TextOf(row[0]);
      found = found || set == split;
      if (trial.trial == trials[0].trial)
        sets += (sets.empty() ? "" : ", ") + set;
    }
    evaluated.push_back(found);
  }
  if (std::find(evaluated.begin(), evaluated.end(), true) == evaluated.end())
    return InvalidError("set '" + split + "'",
                        "none of these trials was evaluated on such a set",
                        "there is: " + sets);
  return evaluated;
}

/// By trial: whether the first one and it are compared fit by fit.
Result<std::vector<bool>> PairsByFit(db::Reader& reader,
                                     const std::vector<db::TrialName>& trials,
                                     std::string_view method) {
  std::vector<bool> has_several;
  for (const db::TrialName& trial : trials) {
    BESOM_ASSIGN_OR_RETURN(
        const db::Table rows,
        reader.Query("SELECT fits > 1 FROM trials WHERE sweep = ? AND trial = "
                     "?",
                     {trial.sweep, trial.trial}));
    has_several.push_back(db::IntegerOf(rows.rows.at(0)[0]) != 0);
  }
  std::vector<bool> by_fit;
  for (const bool several : has_several)
    by_fit.push_back(method == "resampled_t" ||
                     (method.empty() && (has_several[0] || several)));
  return by_fit;
}

/// Adjusts the lines of each metric and set for how many these are.
void AdjustByHolm(std::vector<TrialComparison>& lines) {
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>>
      families;
  for (std::size_t i = 0; i < lines.size(); ++i)
    families[{lines[i].test.metric, lines[i].split}].push_back(i);
  for (const auto& [family, members] : families) {
    std::vector<std::optional<double>> p_values;
    for (const std::size_t i : members) p_values.push_back(lines[i].test.p);
    const auto adjusted = stages::HolmAdjusted(p_values);
    for (std::size_t k = 0; k < members.size(); ++k)
      lines[members[k]].p_adjusted = adjusted[k];
  }
}

}  // namespace

Result<std::vector<TrialComparison>> CompareTrialsBy(
    db::Reader& reader, const std::vector<db::TrialName>& trials,
    const TrialComparisonOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<bool> by_fit,
                         PairsByFit(reader, trials, options.method));
  const auto has_pair = [&](bool of_fits) {
    return std::find(by_fit.begin() + 1, by_fit.end(), of_fits) != by_fit.end();
  };
  const bool has_images = has_pair(false), has_fits = has_pair(true);
  std::vector<TrialComparison> lines;
  for (const std::string& split : options.splits) {
    BESOM_ASSIGN_OR_RETURN(const std::vector<bool> evaluated,
                           AreEvaluated(reader, trials, split));
    std::vector<TrialSet> sets(trials.size());
    for (std::size_t i = 0; i < trials.size(); ++i) {
      // The first one is in every pair.
      const bool is_read = i == 0 ? has_images : !by_fit[i];
      if (!is_read) continue;
      BESOM_ASSIGN_OR_RETURN(sets[i], LoadTrialSet(reader, trials[i], split));
    }
    std::map<std::string, FitValues> fits;  // Of the first one, by metric.
    for (const std::string& metric : options.metrics) {
      if (!has_fits) break;
      BESOM_ASSIGN_OR_RETURN(fits[metric],
                             FitValuesOf(reader, trials[0], metric, split));
    }
    for (std::size_t other = 1; other < trials.size(); ++other)
      for (const std::string& metric : options.metrics) {
        TrialComparison line{
            .a = trials[0].trial, .b = trials[other].trial, .split = split};
        line.test.metric = metric;
        if (!evaluated[0] || !evaluated[other]) {
          line.why_not = trials[evaluated[0] ? other : 0].trial +
                         " was not evaluated on this set";
        } else {
          BESOM_RETURN_IF_ERROR(
              by_fit[other]
                  ? CompareFits(reader, fits[metric], trials[other], line)
                  : ComparePredictions(sets[0], sets[other], options.method,
                                       line));
        }
        lines.push_back(std::move(line));
      }
  }
  AdjustByHolm(lines);
  return lines;
}

Result<std::vector<TrialComparison>> CompareLeader(db::Reader& reader,
                                                   const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table first,
      reader.Query("SELECT trial, metric, split, test_value FROM leaderboard "
                   "WHERE sweep = ? AND rank <= ? ORDER BY rank",
                   {sweep, std::int64_t{kRivals + 1}}));
  if (first.rows.size() < 2) return std::vector<TrialComparison>();
  std::vector<db::TrialName> trials;
  for (const auto& row : first.rows)
    trials.push_back({sweep, db::TextOf(row[0])});
  TrialComparisonOptions options;
  options.metrics = {db::TextOf(first.rows[0][1])};
  options.splits = {db::TextOf(first.rows[0][2])};
  if (options.splits[0] != "test" && !db::IsNull(first.rows[0][3]))
    options.splits.push_back("test");
  return CompareTrialsBy(reader, trials, options);
}

}  // namespace besom::run
