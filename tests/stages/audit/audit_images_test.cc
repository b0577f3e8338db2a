#include "stages/audit/audit_images.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/stages/data/views/split_fixture.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;

class AuditImagesTest : public ::testing::Test {
 protected:
  /// An image of `grey` pixels; equal greys are equal pixels.
  void Add(const std::string& path, const std::string& label,
           const std::string& group, int grey) {
    Describe(builder_.Add("one", path, label, group), grey);
  }
  void Describe(const ScanEntry& entry, int grey) {
    PixelRecord record;
    record.content = entry.content;
    record.channels = 1;
    records_.push_back(record);
    pixels_.emplace_back(16, static_cast<std::uint8_t>(grey % 251));
    pixels_.back()[0] = static_cast<std::uint8_t>(grey / 251);
  }
  AuditSet Choose(std::uint64_t seed = 1) {
    const Artifact shard =
        Artifact::FromBytes(PixelShard::Pack(4, records_, pixels_));
    decoded_ = DecodedImages::Open({shard}).value();
    DecodingOutcomes outcomes;
    for (const PixelRecord& record : records_)
      outcomes[record.content] = {"", decoded_.Find(record.content)->pixels};
    SplitOptions options;
    options.seed = seed;
    table_ = ComputeSplit(builder_.scan, builder_.scan.classes, outcomes,
                          options, near_)
                 .value();
    return ChooseAuditSet(table_, decoded_, seed);
  }

  ScanBuilder builder_{{"a", "b", "c"}};
  std::vector<PixelRecord> records_;
  std::vector<std::vector<std::uint8_t>> pixels_;
  NearPairs near_;
  DecodedImages decoded_;
  SplitTable table_;
};

TEST_F(AuditImagesTest, NoGroupIsInTwoFoldsAndEachFoldHasEachClass) {
  const char* classes[] = {"a", "b", "c"};
  for (int i = 0; i < 90; ++i)
    Add(std::to_string(i), classes[i / 3 % 3], fmt::format("p{}", i / 3), i);
  const AuditSet set = Choose();
  ASSERT_EQ(set.members.size(), 90u);
  EXPECT_EQ(set.folds, 5);
  EXPECT_EQ(set.groups, 30);
  std::map<std::string, std::set<int>> folds_of_patient;
  std::map<int, std::map<int, int>> counts;
  for (const AuditMember& member : set.members) {
    folds_of_patient[member.entry->group].insert(member.fold);
    ++counts[member.fold][member.label];
  }
  EXPECT_EQ(folds_of_patient.size(), 30u);
  for (const auto& [patient, folds] : folds_of_patient)
    EXPECT_EQ(folds.size(), 1u) << patient;
  ASSERT_EQ(counts.size(), 5u);
  for (const auto& [fold, of_class] : counts) {
    ASSERT_EQ(of_class.size(), 3u) << fold;
    for (const auto& [label, count] : of_class) EXPECT_EQ(count, 6);
  }
}

TEST_F(AuditImagesTest, EqualPixelsJoinPatients) {
  for (int i = 0; i < 45; ++i)
    Add(std::to_string(i),
        i % 3 == 0   ? "a"
        : i % 3 == 1 ? "b"
                     : "c",
        fmt::format("p{}", i), i);
  Add("copy", "a", "another", 3);  // As image 3 of patient p3.
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    const AuditSet set = Choose(seed);
    EXPECT_EQ(set.groups, 45);
    const auto find = [&](const std::string& path) {
      return *std::ranges::find(set.members, path, [](const AuditMember& m) {
        return m.entry->path;
      });
    };
    EXPECT_EQ(find("copy").group, find("3").group);
    EXPECT_EQ(find("copy").fold, find("3").fold);
  }
}

TEST_F(AuditImagesTest, NearDuplicatesJoinPatients) {
  const char* classes[] = {"a", "b", "c"};
  for (int i = 0; i < 45; ++i)
    Add(std::to_string(i), classes[i % 3], fmt::format("p{}", i), i);
  const auto& entries = builder_.scan.entries;
  for (const int i : {0, 4, 10}) {  // Patients i and i + 3.
    const auto [a, b] =
        std::minmax({entries[i].content, entries[i + 3].content});
    near_.pairs.push_back({a, b, 4, 0.97});
  }
  const AuditSet set = Choose();
  ASSERT_EQ(set.members.size(), 45u);
  EXPECT_EQ(set.groups, 42);
  for (const int i : {0, 4, 10}) {
    EXPECT_EQ(set.members[i].group, set.members[i + 3].group);
    EXPECT_EQ(set.members[i].fold, set.members[i + 3].fold);
  }
}

TEST_F(AuditImagesTest, ExternalImagesTakeNoPart) {
  for (int i = 0; i < 30; ++i)
    Add(std::to_string(i),
        i % 3 == 0   ? "a"
        : i % 3 == 1 ? "b"
                     : "c",
        fmt::format("p{}", i), i);
  Describe(builder_.AddExternal("outside", "x", "a", "q"), 999);
  const AuditSet set = Choose();
  EXPECT_EQ(set.members.size(), 30u);
  for (const AuditMember& member : set.members)
    EXPECT_EQ(member.entry->source, "one");
}

TEST_F(AuditImagesTest, AClassOfOnePatientIsLeftOut) {
  for (int i = 0; i < 20; ++i)
    Add(std::to_string(i), i % 2 == 0 ? "a" : "b", fmt::format("p{}", i), i);
  const Artifact shard = [&] {
    for (int i = 20; i < 24; ++i) Add(std::to_string(i), "c", "lonely", i);
    return Artifact::FromBytes(PixelShard::Pack(4, records_, pixels_));
  }();
  decoded_ = DecodedImages::Open({shard}).value();
  SplitTable table;
  table.classes = {"c", "a", "b"};
  for (std::size_t i = 0; i < builder_.scan.entries.size(); ++i) {
    const ScanEntry& from = builder_.scan.entries[i];
    table.entries.push_back({i,
                             from.source,
                             from.path,
                             from.label,
                             from.patients,
                             from.group,
                             from.content,
                             {"train"},
                             ""});
  }
  const AuditSet set = ChooseAuditSet(table, decoded_, 1);
  EXPECT_THAT(set.classes, ElementsAre("a", "b"));
  EXPECT_EQ(set.members.size(), 20u);
  EXPECT_EQ(set.members[0].label, 0);
  EXPECT_EQ(set.members[1].label, 1);
  EXPECT_EQ(set.folds, 5);
}

}  // namespace
}  // namespace besom::stages
