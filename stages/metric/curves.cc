#include "stages/metric/curves.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "pipeline/base/check.h"
#include "stages/metric/calibration.h"
#include "stages/metric/ranking_scores.h"

namespace besom::stages {
namespace {

using Steps = std::vector<Ranking::Step>;
using Name = std::optional<std::string>;

double Share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

void AddRoc(const Name& cls, const Steps& steps,
            std::vector<CurvePoint>& points) {
  const auto [lowest, hits, alarms] = steps.back();
  if (hits == 0 || alarms == 0) return;
  points.push_back({cls, "roc", 0, 0, std::nullopt});
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& step = steps[i];
    if (i > 0 && i + 1 < steps.size()) {
      const auto &before = steps[i - 1], &after = steps[i + 1];
      if (after.hits - step.hits == step.hits - before.hits &&
          after.alarms - step.alarms == step.alarms - before.alarms)
        continue;
    }
    points.push_back({cls, "roc", Share(step.alarms, alarms),
                      Share(step.hits, hits), step.score});
  }
}

void AddPrecisionRecall(const Name& cls, const Steps& steps,
                        std::vector<CurvePoint>& points) {
  const std::int64_t hits = steps.back().hits;
  if (hits == 0) return;
  points.push_back({cls, "pr", 0, 1, std::nullopt});
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& step = steps[i];
    if (i > 0 && i + 1 < steps.size() && step.hits == steps[i - 1].hits &&
        step.hits == steps[i + 1].hits)
      continue;
    points.push_back({cls, "pr", Share(step.hits, hits),
                      Share(step.hits, step.hits + step.alarms), step.score});
  }
}

void AddCalibration(const Name& cls, const std::vector<double>& probabilities,
                    const std::vector<std::uint8_t>& hit,
                    std::vector<CurvePoint>& points) {
  for (const CalibrationBin& bin : BinByConfidence(probabilities, hit))
    if (bin.images > 0)
      points.push_back({cls, "calibration",
                        bin.confidence / static_cast<double>(bin.images),
                        Share(bin.hits, bin.images), std::nullopt});
}

}  // namespace

std::vector<CurvePoint> CurvesOf(const std::vector<std::string>& classes,
                                 const ScoredSet& set) {
  CheckScoredSet(set);
  BESOM_CHECK(static_cast<int>(classes.size()) == set.classes, "class names");
  std::vector<CurvePoint> points;
  if (set.images() == 0) return points;
  for (int c = 0; c < set.classes; ++c) {
    const std::vector<std::uint8_t> hit = ClassMembers(set, c);
    if (std::ranges::find(hit, 1) == hit.end()) continue;
    const std::vector<double> probabilities = ClassProbabilities(set, c);
    const Steps steps = Ranking(probabilities, hit).Steps();
    AddRoc(classes[c], steps, points);
    AddPrecisionRecall(classes[c], steps, points);
    AddCalibration(classes[c], probabilities, hit, points);
  }
  const std::vector<int> predicted = PredictedClasses(set);
  std::vector<std::uint8_t> hit(set.images());
  std::vector<double> top(hit.size());
  for (std::size_t i = 0; i < hit.size(); ++i) {
    top[i] = set.row(i)[predicted[i]];
    hit[i] = predicted[i] == set.actual[i];
  }
  AddCalibration(std::nullopt, top, hit, points);
  return points;
}

}  // namespace besom::stages
