#include "stages/data/split_duplicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "split_fixture.h"

namespace besom::stages {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Twenty patients of class a (a0 ...), then twenty of b, one image each.
class SplitNear : public ::testing::Test {
 protected:
  SplitNear() {
    AddSingles(builder_, "a", 20);
    AddSingles(builder_, "b", 20);
  }

  void Link(std::size_t a, std::size_t b, double correlation = 0.95) {
    const Digest& one = builder_.scan.entries[a].content;
    const Digest& other = builder_.scan.entries[b].content;
    near_.pairs.push_back(
        {std::min(one, other), std::max(one, other), 4, correlation});
  }
  Result<SplitTable> Split() const {
    return ComputeSplit(builder_.scan, builder_.scan.classes,
                        builder_.Decoded(), options_, near_);
  }
  SplitTable MustSplit() const {
    auto table = Split();
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    return table.ok() ? *table : SplitTable{};
  }
  /// That images stand on one side whatever the seed.
  void ExpectTogether(const std::vector<std::size_t>& images) {
    for (options_.seed = 0; options_.seed < 30; ++options_.seed) {
      const SplitTable table = MustSplit();
      std::set<std::string> sides;
      for (const std::size_t i : images) sides.insert(table.entries[i].sets[0]);
      EXPECT_EQ(sides.size(), 1U) << options_.seed;
      EXPECT_EQ(sides.count(""), 0U);
    }
  }
  static std::map<std::string, std::string> ResultsOf(const SplitTable& table) {
    std::map<std::string, std::string> results;
    for (const Json& row : table.receipt["assertions"])
      results[row["assertion"]] = row["result"];
    return results;
  }

  ScanBuilder builder_{{"a", "b"}};
  NearPairs near_;
  SplitOptions options_;
};

TEST_F(SplitNear, GroupKeepsPairsOnOneSideAndListsThem) {
  Link(3, 7, 0.96);
  Link(25, 31);
  ExpectTogether({3, 7});
  ExpectTogether({25, 31});
  const SplitTable table = MustSplit();
  EXPECT_EQ(table.entries[7].duplicate_of, "s/a3.png");
  EXPECT_EQ(table.entries[3].duplicate_of, "");
  const Json& duplicates = table.receipt["duplicates"];
  EXPECT_EQ(duplicates["near_pairs"], 2);
  EXPECT_EQ(duplicates["different_patients"], 2);
  EXPECT_EQ(duplicates["pairs"][0], Json({{"images", {"s/a3.png", "s/a7.png"}},
                                          {"groups", {"s/a3", "s/a7"}},
                                          {"labels", {"a", "a"}},
                                          {"kind", "near"},
                                          {"correlation", 0.96},
                                          {"distance", 4},
                                          {"different_patients", true}}));
  for (const auto& [assertion, result] : ResultsOf(table))
    EXPECT_EQ(result, "holds") << assertion;
}

TEST_F(SplitNear, APatientAndTheDuplicatesOfItsImagesAreOneGroup) {
  // Patient p: images 40 and 41; a copy of 41 is a5.
  builder_.Add("s", "p1", "a", "p");
  builder_.Add("s", "p2", "a", "p");
  Link(41, 5);
  ExpectTogether({40, 41, 5});
}

//   1 -- 2 -- 3 -- 4 -- 5: what one chain would tie to one group.
TEST_F(SplitNear, ChainsAreBroken) {
  for (std::size_t i = 1; i < 5; ++i) Link(i, i + 1);
  const SplitTable table = MustSplit();
  // 2 represents 1 and 3, 4 represents 5; 3 is also near 4.
  EXPECT_EQ(table.entries[1].duplicate_of, "s/a2.png");
  EXPECT_EQ(table.entries[5].duplicate_of, "s/a4.png");
  EXPECT_EQ(table.entries[3].left_out,
            "near-duplicate of two groups (s/a2.png and s/a4.png)");
  EXPECT_EQ(table.receipt["groups"]["count"], 40 - 1 - 2);
  std::set<std::pair<std::string, std::string>> sides;
  for (options_.seed = 0; options_.seed < 40; ++options_.seed) {
    const SplitTable drawn = MustSplit();
    EXPECT_EQ(drawn.entries[1].sets[0], drawn.entries[2].sets[0]);
    EXPECT_EQ(drawn.entries[4].sets[0], drawn.entries[5].sets[0]);
    EXPECT_EQ(ResultsOf(drawn).at("no duplicate pair on two sides"), "holds");
    sides.emplace(drawn.entries[2].sets[0], drawn.entries[4].sets[0]);
  }
  EXPECT_GT(sides.size(), 3U);  // The two clusters are dealt by themselves.
}

TEST_F(SplitNear, ABridgeWithinOnePatientStays) {
  for (std::size_t i = 1; i < 6; ++i) builder_.scan.entries[i].group = "one";
  for (std::size_t i = 1; i < 5; ++i) Link(i, i + 1);
  EXPECT_EQ(MustSplit().entries[3].left_out, "");
}

TEST_F(SplitNear, AMemberGoesToTheRepresentativeItIsMostLike) {
  // 4 represents 5, 6, 7; 8 represents 9, 10 and is also near 6.
  for (const std::size_t i : {5, 6, 7}) Link(4, i, 0.94);
  for (const std::size_t i : {9, 10}) Link(8, i, 0.94);
  Link(8, 6, 0.97);
  const SplitTable table = MustSplit();
  EXPECT_EQ(table.entries[5].duplicate_of, "s/a4.png");
  EXPECT_EQ(table.entries[6].duplicate_of, "s/a8.png");
}

TEST_F(SplitNear, DropKeepsTheRepresentative) {
  Link(3, 7);
  Link(3, 9);
  options_.duplicates = SplitOptions::Duplicates::kDrop;
  const SplitTable table = MustSplit();
  EXPECT_EQ(table.entries[3].left_out, "");
  EXPECT_EQ(table.entries[7].left_out, "duplicate (of s/a3.png)");
  EXPECT_EQ(table.entries[9].left_out, "duplicate (of s/a3.png)");
  EXPECT_EQ(table.receipt["left_out"], Json({{"duplicate", 2}}));
}

TEST_F(SplitNear, ErrorNamesThePair) {
  Link(7, 3, 0.951);
  options_.duplicates = SplitOptions::Duplicates::kError;
  const auto table = Split();
  EXPECT_EQ(table.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(
      table.status().ToString(),
      AllOf(HasSubstr("s/a7.png"), HasSubstr("s/a3.png"),
            HasSubstr("correlation 0.951"), HasSubstr("group or drop")));
}

TEST_F(SplitNear, DuplicatesOfDifferentLabelsAreLeftOutAndListed) {
  Link(3, 25);
  builder_.scan.entries[26].content = builder_.scan.entries[4].content;
  Link(5, 6);  // Of one label: stay.
  for (const auto rule :
       {SplitOptions::Duplicates::kGroup, SplitOptions::Duplicates::kDrop}) {
    options_.duplicates = rule;
    const SplitTable table = MustSplit();
    EXPECT_EQ(table.entries[3].left_out,
              "duplicate of another label (s/b5.png, b)");
    EXPECT_EQ(table.entries[25].left_out,
              "duplicate of another label (s/a3.png, a)");
    EXPECT_EQ(table.entries[4].left_out,
              "duplicate of another label (s/b6.png, b)");
    EXPECT_EQ(table.entries[26].duplicate_of, "s/a4.png");
    EXPECT_EQ(table.entries[5].left_out, "");
    EXPECT_EQ(table.receipt["duplicates"]["other_labels"], 4);
    EXPECT_EQ(table.receipt["duplicates"]["pairs"].size(), 3U);
    EXPECT_EQ(ResultsOf(table).at("no duplicate of another label"), "holds");
  }
}

TEST_F(SplitNear, GivenSidesOfAPairAreAnErrorOrFailTheAssertion) {
  builder_.scan.entries[3].use = "train";
  builder_.scan.entries[7].use = "test";
  Link(3, 7);
  const auto refused = Split();
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(refused.status().ToString(),
              AllOf(HasSubstr("s/a3.png"), HasSubstr("s/a7.png")));
  options_.group = false;
  const SplitTable table = MustSplit();
  EXPECT_EQ(ResultsOf(table).at("no duplicate pair on two sides"), "fails");
  EXPECT_EQ(ResultsOf(table).at("no group on two sides"), "holds");
}

TEST_F(SplitNear, ExternalCopiesOfTrainedImagesAreExcluded) {
  builder_.scan.entries[6].use = "train";
  builder_.scan.entries[8].use = "test";
  builder_.AddExternal("ext", "copy", "a", "somebody");
  builder_.AddExternal("ext", "sibling of the copy", "a", "somebody");
  builder_.AddExternal("ext", "copy of test", "a", "x");
  builder_.AddExternal("ext", "stranger", "a", "y");
  Link(40, 6);
  Link(42, 8);
  for (options_.seed = 0; options_.seed < 10; ++options_.seed) {
    const SplitTable table = MustSplit();
    EXPECT_THAT(table.entries[40].left_out, HasSubstr("(as s/a6.png)"));
    EXPECT_THAT(table.entries[41].left_out, HasSubstr("(as s/a6.png)"));
    EXPECT_EQ(table.entries[42].sets[0], "ext");
    EXPECT_EQ(table.entries[43].sets[0], "ext");
    EXPECT_EQ(ResultsOf(table).at("no external image was trained on"), "holds");
  }
  for (ScanEntry& entry : builder_.scan.entries) entry.overlap = "error";
  EXPECT_THAT(Split().status().ToString(), HasSubstr("ext"));
  for (ScanEntry& entry : builder_.scan.entries) entry.overlap = "keep";
  const SplitTable table = MustSplit();
  EXPECT_EQ(table.receipt["leaks"].size(), 2U);
  EXPECT_EQ(ResultsOf(table).at("no external image was trained on"), "fails");
}

TEST_F(SplitNear, AnExternalImageDoesNotTieGroups) {
  builder_.AddExternal("ext", "between", "a", "e");
  Link(40, 3);
  Link(40, 7);
  std::set<bool> together;
  for (options_.seed = 0; options_.seed < 40; ++options_.seed) {
    const SplitTable table = MustSplit();
    together.insert(table.entries[3].sets[0] == table.entries[7].sets[0]);
    EXPECT_EQ(table.entries[3].left_out, "");
  }
  EXPECT_EQ(together.size(), 2U);
}

TEST_F(SplitNear, TheOrderOfPairsHasNoSay) {
  for (std::size_t i = 1; i < 5; ++i) Link(i, i + 1);
  Link(8, 30);
  const std::string table = CanonicalText(MustSplit().ToJson());
  std::reverse(near_.pairs.begin(), near_.pairs.end());
  EXPECT_EQ(CanonicalText(MustSplit().ToJson()), table);
}

TEST_F(SplitNear, PairsOfImagesThatAreNotUsedDoNotCount) {
  Link(3, 7);
  builder_.scan.entries[3].left_out = "no row";
  const SplitTable table = MustSplit();
  EXPECT_EQ(table.receipt["duplicates"]["near_pairs"], 0);
  EXPECT_EQ(table.entries[7].duplicate_of, "");
}

TEST_F(SplitNear, SharesBeyondTheLargestGroupFail) {
  // A source fixes more than the share asked for.
  for (std::size_t i = 0; i < 12; ++i) builder_.scan.entries[i].use = "test";
  const SplitTable table = MustSplit();
  EXPECT_EQ(ResultsOf(table).at("shares within tolerance"), "fails");
  EXPECT_THAT(table.receipt["assertions"].dump(),
              HasSubstr("12 of 20 images of a in test"));
}

}  // namespace
}  // namespace besom::stages
