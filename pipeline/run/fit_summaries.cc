#include "pipeline/run/fit_summaries.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "pipeline/run/task_params.h"
#include "stages/metric/decision.h"
#include "stages/metric/fit_summary.h"
#include "stages/metric/metrics.h"

namespace besom::run {
namespace {

constexpr double kLevel = 0.95;

bool TestIsGiven(const Json& config) {
  if (config.at("split").at("file") != "") return true;
  const Json& sources = config.at("ingest").at("sources");
  return std::ranges::any_of(sources, [](const Json& source) {
    return source.value("use", "auto") == "test";
  });
}

/// Whether every fit is tested on the same images of the set.
bool IsShared(std::string_view split, const Json& config) {
  if (split == "train" || split == "validation") return false;
  if (split != "test") return true;
  const Json& settings = config.at("split");
  return TestIsGiven(config) ||
         (settings.at("test") > 0 && settings.at("repeats") == 1);
}

double TestToTrain(const db::FiguresOfFits& figures) {
  double sum = 0;
  for (const auto& fit : figures.fits)
    sum += fit.trained > 0 ? fit.images / fit.trained : 0;
  return sum / static_cast<double>(figures.fits.size());
}

}  // namespace

db::MetricRow SummarizeFits(const db::FiguresOfFits& figures,
                            const Json& config) {
  db::MetricRow row{figures.name, figures.cls, std::nullopt};
  // A set that only some fits hold has no mean over the fits.
  if (!figures.all) return row;
  std::vector<stages::FitFigure> fits;
  for (const auto& fit : figures.fits)
    fits.push_back({fit.value, fit.low, fit.high});
  stages::FitSummary summary =
      IsShared(figures.split, config)
          ? stages::SummarizeSharedSet(fits, figures.name, kLevel)
          : stages::SummarizeOwnSets(fits, figures.name, TestToTrain(figures),
                                     kLevel);
  row.value = summary.mean;
  row.sd = summary.sd;
  if (figures.split == "train" || stages::IsCount(figures.name) ||
      !summary.interval)
    return row;
  row.low = summary.interval->low;
  row.high = summary.interval->high;
  row.method = std::move(summary.interval->method);
  row.groups = summary.interval->groups;
  return row;
}

db::ThresholdRow PoolThreshold(const db::PooledPredictions& pool,
                               const Json& config) {
  // The class and the rest.
  stages::ScoredSet set{.classes = 2};
  std::set<int> positive;
  for (const db::PooledPredictions::Image& image : pool.images) {
    set.actual.push_back(image.positive ? 0 : 1);
    set.probabilities.insert(set.probabilities.end(),
                             {image.probability, 1 - image.probability});
    set.group.push_back(image.group);
    if (image.positive) positive.insert(image.group);
  }
  const Json target = EvaluateParams(config).at("threshold");
  const auto chosen = stages::ChooseThreshold(
      set,
      {.metric = target.at("metric"), .cls = 0, .least = target.at("least")});
  db::ThresholdRow row{pool.cls, pool.target};
  if (chosen) row.value = chosen->value;
  row.positive_groups = static_cast<std::int64_t>(positive.size());
  row.reliable = row.positive_groups >= stages::kReliableGroups;
  return row;
}

Result<std::unique_ptr<db::ResultsStore>> OpenResults(const Path& database) {
  BESOM_ASSIGN_OR_RETURN(auto results, db::ResultsStore::Open(database));
  results->SummarizeBy({SummarizeFits, PoolThreshold});
  return results;
}

}  // namespace besom::run
