// A set that comes later stands where it would have stood from the start.
#include "stages/data/split_externals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "split_fixture.h"

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

/// The scan without its external images, or these alone.
SourceScan Part(const SourceScan& scan, bool external) {
  SourceScan part;
  part.classes = scan.classes;
  for (const ScanEntry& entry : scan.entries)
    if (entry.external == external) part.entries.push_back(entry);
  return part;
}

/// Patients of the sources and of the set overlap; pictures are repeated as
/// equal files, as equal pixels and as near ones.
struct Overlapping {
  ScanBuilder builder{{"a", "b"}};
  DecodingOutcomes decoded;
  NearPairs near;
};

Overlapping RandomOverlaps(int seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  const auto pick = [&](int n) { return static_cast<int>(random() % n); };
  Overlapping made;
  for (int i = 0; i < 60; ++i)
    made.builder.Add("s", Name("s", i), i % 2 == 0 ? "a" : "b",
                     Name(i % 2 == 0 ? "a" : "b", i / 3));
  for (int i = 0; i < 40; ++i)
    made.builder.AddExternal("later", Name("l", i), i % 2 == 0 ? "a" : "b",
                             Name(i % 2 == 0 ? "a" : "b", pick(60)), "s");
  auto& entries = made.builder.scan.entries;
  /// A source's image and one of the set: of one label, but for few seeds.
  const auto pair = [&]() -> std::pair<ScanEntry&, ScanEntry&> {
    const int label = pick(2);
    const int other = seed % 8 == 0 ? pick(2) : label;
    return {entries[static_cast<std::size_t>(2 * pick(30) + label)],
            entries[static_cast<std::size_t>(60 + 2 * pick(20) + other)]};
  };
  for (int i = 0; i < 5; ++i) {
    const auto [original, copy] = pair();
    copy.content = original.content;
  }
  made.decoded = made.builder.Decoded();
  for (int i = 0; i < 5; ++i) {
    const auto [original, copy] = pair();
    made.decoded[copy.content].pixels = made.decoded[original.content].pixels;
  }
  made.decoded[pair().second.content].error = "cannot be read";
  for (int i = 0; i < 5; ++i) {
    const auto [original, copy] = pair();
    const auto [a, b] = std::minmax({original.content, copy.content});
    if (a != b) made.near.pairs.push_back({a, b, 4, 0.97});
  }
  return made;
}

bool SameSources(const SplitTable& a, const SplitTable& b) {
  for (std::size_t i = 0; i < 60; ++i)
    if (a.entries[i].sets != b.entries[i].sets) return false;
  return true;
}

TEST(LaterSets, StandWhereTheSplitWouldHavePutThem) {
  int kept = 0, left_out = 0;
  for (int seed = 0; seed < 200; ++seed) {
    const Overlapping made = RandomOverlaps(seed);
    const SourceScan& scan = made.builder.scan;
    SplitOptions options;
    options.folds = 1 + seed % 3;
    options.repeats = 1 + seed % 2;
    options.seed = static_cast<std::uint64_t>(seed);
    const auto split = [&](const SourceScan& of) {
      return ComputeSplit(of, of.classes, made.decoded, options, made.near);
    };
    const auto at_once = split(scan);
    const auto before = split(Part(scan, false));
    if (!at_once.ok() || !before.ok()) continue;
    // A copy of another label takes its original out, and so may draw others.
    if (!SameSources(*at_once, *before)) continue;
    const auto later =
        PlaceLaterSets(*before, Part(scan, true), made.decoded, made.near);
    ASSERT_TRUE(later.ok()) << later.status().ToString();
    ASSERT_EQ(later->entries.size(), 40u);
    for (std::size_t i = 0; i < 40; ++i) {
      const SplitEntry& expected = at_once->entries[60 + i];
      const SplitEntry& entry = later->entries[i];
      EXPECT_EQ(entry.sets, expected.sets) << seed << " " << entry.path;
      EXPECT_EQ(entry.left_out.empty(), expected.left_out.empty())
          << seed << " " << entry.path << ": " << entry.left_out << " / "
          << expected.left_out;
      ++(entry.left_out.empty() ? kept : left_out);
    }
  }
  EXPECT_GT(kept, 300);
  EXPECT_GT(left_out, 300);
}

TEST(LaterSets, OfForgottenImagesEqualFilesAreFound) {
  ScanBuilder builder({"a", "b"});
  AddSingles(builder, "a", 20);
  AddSingles(builder, "b", 20);
  const auto table = builder.Split({});
  ASSERT_TRUE(table.ok());
  std::size_t trained = 0;
  while (table->entries[trained].sets[0] != "train") ++trained;
  ScanBuilder later({"a", "b"});
  later.AddExternal("later", "copy", table->entries[trained].label, "q")
      .content = table->entries[trained].content;
  later.AddExternal("later", "new", "a", "r");
  const auto placed =
      PlaceLaterSets(*table, later.scan, later.Decoded(), NearPairs{});
  ASSERT_TRUE(placed.ok()) << placed.status().ToString();
  EXPECT_THAT(placed->entries[0].left_out, HasSubstr("duplicate"));
  EXPECT_EQ(placed->entries[1].sets[0], "later");
}

TEST(LaterSets, TheirOverlapRuleHolds) {
  ScanBuilder builder({"a", "b"});
  AddSingles(builder, "a", 20);
  AddSingles(builder, "b", 20);
  const auto table = builder.Split({});
  std::size_t trained = 0;
  while (table->entries[trained].sets[0] != "train") ++trained;
  const SplitEntry& known = table->entries[trained];
  ScanBuilder later({"a", "b"});
  ScanEntry& entry =
      later.AddExternal("later", "x", known.label, known.group, known.patients);
  entry.overlap = "keep";
  const auto kept =
      PlaceLaterSets(*table, later.scan, later.Decoded(), NearPairs{});
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->entries[0].sets[0], "later");
  EXPECT_EQ(kept->receipt.at("leaks").size(), 1u);
  later.scan.entries[0].overlap = "error";
  const auto refused =
      PlaceLaterSets(*table, later.scan, later.Decoded(), NearPairs{});
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::stages
