// Answers one JSON question a line with one JSON line: what the parity test
// compares with SciPy and scikit-learn.
#include <cstdio>
#include <iostream>
#include <string>

#include "pipeline/base/json.h"
#include "stages/metric/auc_interval.h"
#include "stages/metric/curves.h"
#include "stages/metric/distributions.h"
#include "stages/metric/group_bootstrap.h"
#include "stages/metric/holm.h"
#include "stages/metric/paired_tests.h"
#include "stages/metric/proportion_interval.h"
#include "stages/metric/resampled_t.h"
#include "stages/metric/set_comparison.h"
#include "stages/metric/set_scores.h"

namespace besom::stages {
namespace {

constexpr double kLevel = 0.95;

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json ToJson(const Interval& interval) {
  return {{"low", OrNull(interval.low)},
          {"high", OrNull(interval.high)},
          {"method", interval.method},
          {"groups", interval.groups}};
}

Json ToJson(const AucEstimate& area) {
  const AucDifference test = TestAucDifference(area, kLevel);
  return {{"value", OrNull(area.value)},
          {"variance", OrNull(area.variance)},
          {"p", OrNull(test.p)},
          {"logit", ToJson(LogitAucInterval(area, kLevel, "logit"))}};
}

ScoredSet SetOf(const Json& question, const char* probabilities) {
  ScoredSet set;
  set.classes = question.at("classes");
  set.actual = question.at("actual").get<std::vector<int>>();
  for (const Json& row : question.at(probabilities))
    for (const Json& value : row) set.probabilities.push_back(value);
  set.group = question.at("group").get<std::vector<int>>();
  return set;
}

std::vector<std::string> NamesOf(const ScoredSet& set) {
  std::vector<std::string> names;
  for (int c = 0; c < set.classes; ++c) names.push_back(std::to_string(c));
  return names;
}

Json Scores(const Json& question) {
  const ScoredSet set = SetOf(question, "probabilities");
  Json rows = Json::array(), points = Json::array();
  for (const ScoreRow& row :
       ScoreSet(NamesOf(set), set, {.draws = question.at("draws")}))
    rows.push_back({row.name, OrNull(row.cls), OrNull(row.value),
                    row.interval ? ToJson(*row.interval) : Json()});
  for (const CurvePoint& point : CurvesOf(NamesOf(set), set))
    points.push_back({OrNull(point.cls), point.kind, point.x, point.y,
                      OrNull(point.threshold)});
  return {{"rows", rows}, {"curves", points}};
}

Json Proportion(const Json& question) {
  std::vector<GroupCount> groups;
  GroupCount total;
  for (const Json& group : question.at("groups")) {
    groups.push_back({group.at(0), group.at(1)});
    total.hits += groups.back().hits;
    total.size += groups.back().size;
  }
  return {
      {"wilson", ToJson(WilsonInterval(total.hits, total.size, kLevel))},
      {"exact", ToJson(ClopperPearsonInterval(total.hits, total.size, kLevel))},
      {"grouped", ToJson(GroupProportionInterval(groups, kLevel))},
      {"effect", RatioDesignEffect(groups)},
      {"correlation", IntraclassCorrelation(groups, question.at("p"))}};
}

Json Areas(const Json& question) {
  const auto a = question.at("a").get<std::vector<double>>();
  const auto b = question.at("b").get<std::vector<double>>();
  const auto positive =
      question.at("positive").get<std::vector<std::uint8_t>>();
  const auto group = question.at("group").get<std::vector<int>>();
  return {{"delong", ToJson(DeLongAuc(a, positive))},
          {"obuchowski", ToJson(ObuchowskiAuc(a, positive, group))},
          {"delong_difference", ToJson(DeLongDifference(a, b, positive))},
          {"obuchowski_difference",
           ToJson(ObuchowskiDifference(a, b, positive, group))}};
}

Json Compare(const Json& question) {
  const ScoredSet a = SetOf(question, "a"), b = SetOf(question, "b");
  ComparisonOptions options;
  options.method = question.at("method");
  options.bootstrap = question.at("draws");
  const auto result = CompareSets(
      NamesOf(a), a, b, question.at("metric").get<std::string>(), options);
  if (!result.ok()) return result.status().ToString();
  return {{"method", result->method},
          {"difference", OrNull(result->difference)},
          {"low", OrNull(result->low)},
          {"high", OrNull(result->high)},
          {"p", OrNull(result->p)}};
}

/// Bootstrap of the mean of one value a group.
Json Bootstrap(const Json& question) {
  const auto values = question.at("values").get<std::vector<double>>();
  const BootstrapOptions options{.draws = question.at("draws"), .seed = 3};
  const int groups = static_cast<int>(values.size());
  const auto mean = [&](std::span<const int> counts) {
    double sum = 0, n = 0;
    for (std::size_t g = 0; g < counts.size(); ++g) {
      sum += counts[g] * values[g];
      n += counts[g];
    }
    return std::vector<std::optional<double>>{sum / n};
  };
  const auto samples = BootstrapGroups(groups, mean, options);
  return {{"draws", samples[0].draws},
          {"interval", ToJson(BcaInterval(samples[0], groups, options))}};
}

Json Tests(const Json& question) {
  const auto parts = question.at("parts").get<std::vector<double>>();
  const PairedTest flip = SignFlipTest(parts, PairedTestOptions{});
  const PairedTest mcnemar =
      McNemarTest(question.at("a_only"), question.at("b_only"), 100000);
  const ResampledT t = CorrectedResampledT(parts, question.at("ratio"), kLevel);
  std::vector<std::optional<double>> p_values;
  for (const Json& p : question.at("p_values"))
    p_values.push_back(p.is_null() ? std::nullopt
                                   : std::optional<double>(p.get<double>()));
  Json adjusted = Json::array();
  for (const auto& p : HolmAdjusted(p_values)) adjusted.push_back(OrNull(p));
  return {{"flip", OrNull(flip.p)},
          {"flip_method", flip.method},
          {"mcnemar", OrNull(mcnemar.p)},
          {"mean", OrNull(t.mean)},
          {"sd", OrNull(t.sd)},
          {"low", OrNull(t.low)},
          {"high", OrNull(t.high)},
          {"p", OrNull(t.p)},
          {"holm", adjusted}};
}

Json Quantiles(const Json& question) {
  const double p = question.at("p"), a = question.at("a"), b = question.at("b");
  return {{"normal", NormalQuantile(p)},
          {"normal_cdf", NormalCdf(a - b)},
          {"t", TQuantile(p, a)},
          {"t_tail", TTwoSided(b, a)},
          {"beta", BetaQuantile(p, a, b)}};
}

Json Answer(const Json& question) {
  const std::string about = question.at("about");
  if (about == "scores") return Scores(question);
  if (about == "proportion") return Proportion(question);
  if (about == "areas") return Areas(question);
  if (about == "compare") return Compare(question);
  if (about == "bootstrap") return Bootstrap(question);
  if (about == "tests") return Tests(question);
  return Quantiles(question);
}

}  // namespace
}  // namespace besom::stages

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::puts(
        besom::CanonicalText(besom::stages::Answer(besom::Json::parse(line)))
            .c_str());
}
