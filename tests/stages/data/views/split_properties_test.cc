// The promises of the split over many random structures of groups. What is
// expected is counted from the table, not asked from the code under test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "split_fixture.h"

namespace besom::stages {
namespace {

struct Structure {
  ScanBuilder builder{{}};
  std::map<std::string, int> largest;  ///< Images of a class in one group.
  std::map<std::string, int> images;
};

/// Classes of very different size, groups of very different size; `mixed` is
/// the chance that an image of a group has another class than its first.
Structure RandomStructure(std::mt19937& random, int classes, double mixed) {
  std::vector<std::string> names;
  for (int c = 0; c < classes; ++c) names.push_back("c" + std::to_string(c));
  Structure structure{ScanBuilder(names), {}, {}};
  std::uniform_real_distribution<double> uniform;
  const auto pick = [&](std::size_t n) {
    return static_cast<std::size_t>(uniform(random) * static_cast<double>(n));
  };
  int serial = 0;
  for (const std::string& name : names) {
    const std::size_t groups = 12 + pick(80);
    for (std::size_t g = 0; g < groups; ++g) {
      const std::string group = name + "g" + std::to_string(g);
      // A heavy tail: most groups hold one or two images, few hold dozens.
      const double size = 0.7 / std::pow(1.0 - uniform(random), 0.8);
      std::map<std::string, int> counts;
      for (int i = 0; i < std::min(60, 1 + static_cast<int>(size)); ++i) {
        const std::string label =
            uniform(random) < mixed ? names[pick(names.size())] : name;
        structure.builder.Add("s", std::to_string(serial++), label, group);
        ++counts[label];
        ++structure.images[label];
      }
      for (const auto& [label, count] : counts)
        structure.largest[label] = std::max(structure.largest[label], count);
    }
  }
  return structure;
}

void ExpectOneSide(const SplitTable& table) {
  for (std::size_t f = 0; f < table.entries.front().sets.size(); ++f) {
    std::map<std::string, std::string> side;
    for (const SplitEntry& entry : table.entries) {
      ASSERT_FALSE(entry.sets[f].empty()) << entry.path;
      const auto [known, is_new] = side.emplace(entry.group, entry.sets[f]);
      ASSERT_EQ(known->second, entry.sets[f]) << entry.group;
    }
  }
}

void ExpectShares(const Structure& structure, const SplitTable& table,
                  std::size_t fit, const std::map<std::string, double>& asked) {
  for (const auto& [name, total] : structure.images)
    for (const auto& [part, share] : asked) {
      int got = 0;
      for (const SplitEntry& entry : table.entries)
        got += entry.label == name && entry.sets[fit] == part ? 1 : 0;
      EXPECT_LE(std::abs(got - share * total),
                structure.largest.at(name) + 1e-9)
          << name << " in " << part << " of fit " << fit << ": " << got
          << " of " << total;
      EXPECT_EQ(got > 0, share > 0) << name << " in " << part;
    }
}

class SplitStructures : public ::testing::TestWithParam<int> {};

TEST_P(SplitStructures, KeepsGroupsTogetherAndSharesWithinOneGroup) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  const int classes = 1 + GetParam() % 12;
  const Structure structure =
      RandomStructure(random, classes, GetParam() % 3 == 0 ? 0.15 : 0.0);
  SplitOptions options;
  const double tests[] = {0.2, 0.1, 0.0, 0.33};
  const double validations[] = {0.2, 0.15, 0.25, 0.0};
  options.test = tests[GetParam() % 4];
  options.validation = validations[GetParam() / 4 % 4];
  options.seed = static_cast<std::uint64_t>(GetParam());
  const auto table = structure.builder.Split(options);
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  ExpectOneSide(*table);
  ExpectShares(structure, *table, 0,
               {{"train", 1 - options.test - options.validation},
                {"validation", options.validation},
                {"test", options.test}});
}

INSTANTIATE_TEST_SUITE_P(Random, SplitStructures, ::testing::Range(0, 300));

TEST(SplitFolds, FixedTestAndValidationInTurn) {
  std::mt19937 random(5);
  const Structure structure = RandomStructure(random, 4, 0.1);
  SplitOptions options;
  options.folds = 5;
  options.repeats = 2;
  const auto table = structure.builder.Split(options);
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  ExpectOneSide(*table);
  for (std::size_t fit = 0; fit < 10; ++fit)
    ExpectShares(structure, *table, fit,
                 {{"test", 0.2}, {"validation", 0.16}, {"train", 0.64}});
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto test = table->Members("test", repeat, 0);
    std::multiset<std::size_t> validated;
    for (int fold = 0; fold < 5; ++fold) {
      EXPECT_EQ(table->Members("test", repeat, fold), test);
      for (const std::size_t i : table->Members("validation", repeat, fold))
        validated.insert(i);
    }
    // Every image but the test ones is validated on exactly once.
    EXPECT_EQ(validated.size() + test.size(), table->entries.size());
    EXPECT_EQ(std::set<std::size_t>(validated.begin(), validated.end()).size(),
              validated.size());
  }
  EXPECT_NE(table->Members("test", 0, 0), table->Members("test", 1, 0));
}

TEST(SplitFolds, WithoutTestEachFoldIsTestedOnce) {
  std::mt19937 random(6);
  const Structure structure = RandomStructure(random, 3, 0.0);
  SplitOptions options;
  options.test = 0;
  options.folds = 4;
  const auto table = structure.builder.Split(options);
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  ExpectOneSide(*table);
  std::multiset<std::size_t> tested;
  for (int fold = 0; fold < 4; ++fold) {
    ExpectShares(structure, *table, static_cast<std::size_t>(fold),
                 {{"test", 0.25}, {"validation", 0.2}, {"train", 0.55}});
    for (const std::size_t i : table->Members("test", 0, fold))
      tested.insert(i);
  }
  EXPECT_EQ(tested.size(), table->entries.size());
  EXPECT_EQ(std::set<std::size_t>(tested.begin(), tested.end()).size(),
            tested.size());
}

/// Sizes of the test sets of all fits.
std::vector<std::size_t> TestSizes(const SplitTable& table) {
  std::vector<std::size_t> sizes;
  for (int repeat = 0; repeat < table.repeats; ++repeat)
    for (int fold = 0; fold < table.folds; ++fold)
      sizes.push_back(table.Members("test", repeat, fold).size());
  return sizes;
}

TEST(SplitFolds, AreOfOneSizeWhereTheClassesAllowIt) {
  // 9 images a class in 5 folds: 2, 2, 2, 2 and 1 of each class.
  for (const int folds : {2, 4, 5, 7}) {
    ScanBuilder builder({"a", "b", "c"});
    for (const char* name : {"a", "b", "c"}) AddSingles(builder, name, 9);
    SplitOptions options;
    options.test = 0;
    options.folds = folds;
    options.repeats = 5;
    options.validation = 0;
    const auto table = builder.Split(options);
    ASSERT_TRUE(table.ok()) << table.status().ToString();
    for (const std::size_t size : TestSizes(*table)) {
      EXPECT_GE(size, static_cast<std::size_t>(27 / folds)) << folds;
      EXPECT_LE(size, static_cast<std::size_t>(27 / folds + 1)) << folds;
    }
  }
}

TEST(SplitFolds, OfPatientsWithManyImagesAreOfOneSize) {
  // 4 patients a class in 3 folds: each class gives one fold two of them.
  ScanBuilder builder({"a", "b", "c"});
  for (const char* name : {"a", "b", "c"})
    for (int i = 0; i < 40; ++i)
      builder.Add("s", Name(name, i), name, Name(name, i / 10));
  SplitOptions options;
  options.test = 0;
  options.folds = 3;
  options.repeats = 8;
  const auto table = builder.Split(options);
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  for (const std::size_t size : TestSizes(*table)) EXPECT_EQ(size, 40u);
}

TEST(SplitDraws, DependOnSeedAndNamesButNotOnTheOrderOfTheScan) {
  std::mt19937 random(7);
  Structure structure = RandomStructure(random, 3, 0.1);
  SplitOptions options;
  options.seed = 11;
  const auto sides = [&](const ScanBuilder& builder) {
    std::map<std::string, std::string> side;
    const auto table = builder.Split(options);
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    for (const SplitEntry& entry : table->entries)
      side[entry.path] = entry.sets[0];
    return side;
  };
  const auto first = sides(structure.builder);
  auto& entries = structure.builder.scan.entries;
  std::shuffle(entries.begin(), entries.end(), random);
  EXPECT_EQ(sides(structure.builder), first);
  structure.builder.AddExternal("x", "e.png", "c0", "e");
  auto with_external = sides(structure.builder);
  with_external.erase("e.png");
  EXPECT_EQ(with_external, first);
  options.seed = 12;
  EXPECT_NE(sides(structure.builder), with_external);
}

// Where all groups are alike, each must have the same chance of the test set.
TEST(SplitDraws, AreFair) {
  ScanBuilder builder({"a", "b"});
  AddSingles(builder, "a", 20);
  AddSingles(builder, "b", 20);
  SplitOptions options;
  std::vector<int> tested(40);
  for (int seed = 0; seed < 500; ++seed) {
    options.seed = static_cast<std::uint64_t>(seed);
    const auto table = builder.Split(options);
    ASSERT_TRUE(table.ok());
    for (const std::size_t i : table->Members("test", 0, 0)) ++tested[i];
  }
  // 500 draws of 0.2: mean 100, standard deviation 8.9; 5 of these.
  for (const int count : tested) EXPECT_NEAR(count, 100, 45);
}

}  // namespace
}  // namespace besom::stages
