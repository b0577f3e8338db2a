#include "stages/metric/set_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "pipeline/base/random.h"
#include "stages/metric/curves.h"
#include "stages/metric/set_comparison.h"
#include "stages/metric/set_scorer.h"

namespace besom::stages {
namespace {

const std::vector<std::string> kClasses = {"covid", "normal", "pneumonia"};

/// `groups` patients of `size` images each, whose classes cycle.
ScoredSet RandomSet(int groups, int size, double strength,
                    std::uint64_t seed = 1) {
  ScoredSet set{.classes = 3};
  KeyedRandom random(seed, "scored set");
  for (int g = 0; g < groups; ++g)
    for (int i = 0; i < size; ++i) {
      const int actual = g % 3;
      double sum = 0, row[3];
      for (int c = 0; c < 3; ++c)
        sum += row[c] = std::exp(random.Normal() + strength * (c == actual));
      for (const double value : row) set.probabilities.push_back(value / sum);
      set.actual.push_back(actual);
      set.group.push_back(g);
    }
  return set;
}

const ScoreRow& RowOf(const std::vector<ScoreRow>& rows, std::string_view name,
                      const std::optional<std::string>& cls = std::nullopt) {
  return *std::find_if(rows.begin(), rows.end(), [&](const ScoreRow& row) {
    return row.name == name && row.cls == cls;
  });
}

TEST(SetScoresTest, RowsAreThoseOfMetricsThenMore) {
  const auto rows = ScoreSet(kClasses, RandomSet(4, 1, 1), {.draws = 0});
  std::set<std::pair<std::string, std::string>> names;
  for (const ScoreRow& row : rows)
    names.emplace(row.name, row.cls.value_or(""));
  EXPECT_EQ(names.size(), rows.size()) << "a row twice";
  EXPECT_EQ(rows[0].name, "accuracy");
  EXPECT_EQ(rows[3].name, "precision");
  EXPECT_EQ(rows[3].cls, "covid");
  // 3 overall, 5 of 3 classes and 2 averages; 6 overall, 6 of 3 classes, 5 of
  // 2 averages.
  EXPECT_EQ(rows.size(), 3 + 5 * 5 + 6 + 6 * 3 + 5 * 2);
}

// What a bootstrap relies on.
TEST(SetScoresTest, AWeightIsThatManyCopies) {
  const ScoredSet set = RandomSet(7, 3, 1);
  std::vector<int> weights(set.images());
  ScoredSet copies{.classes = 3};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<int>(i * i % 4);
    for (int copy = 0; copy < weights[i]; ++copy) {
      copies.actual.push_back(set.actual[i]);
      copies.group.push_back(static_cast<int>(copies.group.size()));
      const auto row = set.row(i);
      copies.probabilities.insert(copies.probabilities.end(), row.begin(),
                                  row.end());
    }
  }
  const SetScorer scorer(kClasses, set);
  const auto weighted = scorer.Values(weights);
  const auto repeated = SetScorer(kClasses, copies).Values();
  ASSERT_EQ(weighted.size(), scorer.rows().size());
  for (std::size_t r = 0; r < weighted.size(); ++r) {
    ASSERT_TRUE(weighted[r] && repeated[r]) << scorer.rows()[r].name;
    EXPECT_NEAR(*weighted[r], *repeated[r], 1e-12) << scorer.rows()[r].name;
    EXPECT_EQ(scorer.Value(r, weights), weighted[r]);
  }
}

TEST(SetScoresTest, TheGroupIsTheUnitWhereAnyHoldsTwoImages) {
  const auto rows = ScoreSet(kClasses, RandomSet(30, 3, 1), {.draws = 200});
  EXPECT_EQ(RowOf(rows, "accuracy").interval->method, "wilson_groups");
  EXPECT_EQ(RowOf(rows, "accuracy").interval->groups, 30);
  EXPECT_EQ(RowOf(rows, "recall", "covid").interval->groups, 10);
  EXPECT_EQ(RowOf(rows, "roc_auc", "covid").interval->method, "obuchowski");
  EXPECT_EQ(RowOf(rows, "f1", "covid").interval->method, "bootstrap_bca");
  EXPECT_EQ(RowOf(rows, "roc_auc", "macro avg").interval->method,
            "bootstrap_bca");
  EXPECT_EQ(RowOf(rows, "support", "covid").interval, std::nullopt);
  for (const ScoreRow& row : rows) {
    if (!row.interval) continue;
    ASSERT_TRUE(row.interval->low && row.interval->high) << row.name;
    EXPECT_LE(*row.interval->low, *row.value) << row.name;
    EXPECT_GE(*row.interval->high, *row.value) << row.name;
  }
}

TEST(SetScoresTest, ImagesAreTheUnitWhereEachIsItsOwnGroup) {
  const ScoredSet shared = RandomSet(30, 3, 1);
  const auto rows =
      ScoreSet(kClasses, WithImagesAsGroups(shared), {.draws = 50});
  EXPECT_EQ(RowOf(rows, "accuracy").interval->method, "wilson");
  EXPECT_EQ(RowOf(rows, "accuracy").interval->groups, 90);
  EXPECT_EQ(RowOf(rows, "roc_auc", "covid").interval->method, "delong");
  EXPECT_EQ(RowOf(rows, "top_2").interval->method, "wilson");
}

TEST(SetScoresTest, SameArgumentsSameBits) {
  const ScoredSet set = RandomSet(12, 2, 0.5);
  const auto one = ScoreSet(kClasses, set, {.draws = 100, .seed = 5});
  const auto two = ScoreSet(kClasses, set, {.draws = 100, .seed = 5});
  const auto other = ScoreSet(kClasses, set, {.draws = 100, .seed = 6});
  EXPECT_EQ(RowOf(one, "kappa").interval->low,
            RowOf(two, "kappa").interval->low);
  EXPECT_NE(RowOf(one, "kappa").interval->low,
            RowOf(other, "kappa").interval->low);
}

TEST(SetScoresTest, WithoutDrawsThereIsNoBootstrap) {
  const auto rows = ScoreSet(kClasses, RandomSet(12, 2, 0.5), {.draws = 0});
  EXPECT_EQ(RowOf(rows, "kappa").interval, std::nullopt);
  EXPECT_TRUE(RowOf(rows, "accuracy").interval->low.has_value());
}

TEST(SetScoresTest, AnAbsentClassHasNoRecallAndNoAreas) {
  ScoredSet set = RandomSet(12, 2, 1);
  for (int& actual : set.actual) actual = std::max(actual, 1);
  const auto rows = ScoreSet(kClasses, set, {.draws = 50});
  EXPECT_EQ(RowOf(rows, "roc_auc", "covid").value, std::nullopt);
  EXPECT_EQ(RowOf(rows, "roc_auc", "covid").interval->low, std::nullopt);
  EXPECT_EQ(RowOf(rows, "pr_auc", "covid").value, std::nullopt);
  EXPECT_EQ(RowOf(rows, "recall", "covid").interval->low, std::nullopt);
  EXPECT_EQ(RowOf(rows, "support", "covid").value, 0.0);
  EXPECT_TRUE(RowOf(rows, "roc_auc", "macro avg").value.has_value());
  for (const CurvePoint& point : CurvesOf(kClasses, set))
    EXPECT_NE(point.cls, "covid");
}

TEST(SetScoresTest, AnEmptySetHasCountsOnly) {
  const ScoredSet empty{.classes = 3};
  for (const ScoreRow& row : ScoreSet(kClasses, empty, {.draws = 50})) {
    const bool is_count =
        row.name == "support" || row.name == "predicted_classes";
    EXPECT_EQ(row.value, is_count ? std::optional(0.0) : std::nullopt)
        << row.name;
    if (row.interval) {
      EXPECT_EQ(row.interval->low, std::nullopt) << row.name;
    }
  }
  EXPECT_TRUE(CurvesOf(kClasses, empty).empty());
}

// No draw differs from the others: not an interval of length 0.
TEST(SetScoresTest, APerfectClassifierHasNoBootstrapInterval) {
  ScoredSet set = RandomSet(12, 2, 1);
  for (std::size_t i = 0; i < set.images(); ++i)
    for (int c = 0; c < 3; ++c)
      set.probabilities[3 * i + c] = c == set.actual[i] ? 0.9 : 0.05;
  const auto rows = ScoreSet(kClasses, set, {.draws = 50});
  EXPECT_EQ(RowOf(rows, "kappa").value, 1.0);
  EXPECT_EQ(RowOf(rows, "kappa").interval->low, std::nullopt);
  EXPECT_EQ(RowOf(rows, "roc_auc", "covid").interval->low, std::nullopt);
  EXPECT_EQ(RowOf(rows, "accuracy").interval->method, "clopper_pearson_groups");
  EXPECT_GT(*RowOf(rows, "accuracy").interval->low, 0.7);
}

TEST(SetComparisonTest, TheTestIsTheOneThatTheSetCallsFor) {
  const auto method = [](int size, const char* metric) {
    const auto result = CompareSets(kClasses, RandomSet(18, size, 1.5),
                                    RandomSet(18, size, 0.5, 2), metric,
                                    {.bootstrap = 50, .permutations = 99});
    return result.ok() ? result->method : result.status().ToString();
  };
  EXPECT_EQ(method(3, "accuracy"), "sign_flip");
  EXPECT_EQ(method(3, "auc/covid"), "sign_flip");
  EXPECT_EQ(method(1, "accuracy"), "mcnemar_exact");
  EXPECT_EQ(method(1, "auc/covid"), "delong");
  EXPECT_THAT(method(1, "auc/macro"), ::testing::StartsWith("sign_flip"));
}

TEST(SetComparisonTest, OtherTestsAreThereByName) {
  const ScoredSet a = RandomSet(18, 3, 1.5), b = RandomSet(18, 3, 0.5, 2);
  for (const char* method : {"delong", "obuchowski"}) {
    const auto result =
        CompareSets(kClasses, a, b, "roc_auc/covid", {.method = method});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->method, method);
    EXPECT_LT(*result->low, *result->difference);
  }
  const auto result =
      CompareSets(kClasses, a, b, "accuracy", {.method = "mcnemar"});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->method, "mcnemar_exact");
}

TEST(SetComparisonTest, ExchangingTheTrialsExchangesTheSign) {
  const ScoredSet a = RandomSet(9, 3, 1.5), b = RandomSet(9, 3, 0.5, 2);
  const auto one = CompareSets(kClasses, a, b, "f1/macro", {.bootstrap = 0});
  const auto two = CompareSets(kClasses, b, a, "f1/macro", {.bootstrap = 0});
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_DOUBLE_EQ(*one->difference, -*two->difference);
  EXPECT_EQ(one->p, two->p);
  EXPECT_EQ(one->low, std::nullopt);
}

TEST(SetComparisonTest, ATrialAgainstItselfIsNotEstimable) {
  const ScoredSet a = RandomSet(9, 3, 1.5);
  for (const char* metric : {"accuracy", "kappa", "roc_auc/covid", "brier"}) {
    const auto result = CompareSets(kClasses, a, a, metric, {.bootstrap = 50});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->difference, 0.0) << metric;
    EXPECT_EQ(result->p, std::nullopt) << metric;
    EXPECT_EQ(result->low, std::nullopt) << metric;
  }
}

/// `groups` of `size` images, all of class 0 and then of class 1; of the first
/// `better` groups a is right and b is not, of the others both are right.
std::pair<ScoredSet, ScoredSet> BetterInSome(int groups, int size, int better) {
  ScoredSet a, b;
  a.classes = b.classes = 3;
  for (int g = 0; g < groups; ++g)
    for (int i = 0; i < size; ++i) {
      const int cls = g % 2;
      for (ScoredSet* set : {&a, &b}) {
        const int said = set == &b && g < better ? 2 : cls;
        set->actual.push_back(cls);
        set->group.push_back(g);
        for (int c = 0; c < 3; ++c)
          set->probabilities.push_back(c == said ? 0.8 : 0.1);
      }
    }
  return {a, b};
}

TEST(SetComparisonTest, AnIntervalExcludesZeroOnlyWhereTheTestDoes) {
  for (const int better : {1, 2, 4, 5, 6, 9}) {
    const auto [a, b] = BetterInSome(12, 5, better);
    const auto result = CompareSets(kClasses, a, b, "accuracy", {});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->differing, better);
    EXPECT_DOUBLE_EQ(*result->difference, better / 12.0);
    // All 2^n swaps, two of which are as extreme.
    EXPECT_DOUBLE_EQ(*result->p, std::pow(2.0, 1 - better));
    ASSERT_TRUE(result->low && result->high);
    EXPECT_EQ(*result->low > 0, *result->p <= 0.05) << better;
    EXPECT_GE(*result->high, *result->difference);
  }
}

TEST(SetComparisonTest, WrongNamesAreUserErrors) {
  const ScoredSet a = RandomSet(9, 3, 1.5);
  const auto code = [&](const char* metric, const char* method) {
    return CompareSets(kClasses, a, a, metric, {.method = method})
        .status()
        .code();
  };
  EXPECT_EQ(code("recall/flu", ""), StatusCode::kInvalid);
  EXPECT_EQ(code("kappa", "mcnemar"), StatusCode::kInvalid);
  EXPECT_EQ(code("auc/macro", "delong"), StatusCode::kInvalid);
  EXPECT_EQ(code("accuracy", "wilcoxon"), StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::stages
