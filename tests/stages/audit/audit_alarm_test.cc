// How often the audit cries wolf on clean data, and whether it sees a planted
// shortcut. The phantoms are fixed by their seeds, so a verdict never changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/stages/audit/phantom_data.h"

namespace besom::stages {
namespace {

using ::testing::Contains;

const std::vector<std::string> kClasses = {"clear", "consolidation", "hazy"};

/// Sources of many kinds: many and few images, one and many a patient, one and
/// two sizes.
Json SourcesOf(int seed) {
  const int images[] = {240, 120, 45, 90}, per_patient[] = {2, 3, 1, 6};
  Json source = {{"name", "p"},
                 {"images", images[seed % 4]},
                 {"images_per_patient", per_patient[seed % 4]},
                 {"size", seed % 3 == 0 ? 96 : 64},
                 {"difficulty", 0.25 * (seed % 5)},
                 {"seed", seed}};
  Json sources = Json::array({source});
  if (seed % 2 == 0) {
    source["name"] = "q";
    source["seed"] = seed + 1000;
    source["size"] = 128;
    sources.push_back(source);
  }
  return sources;
}

// The half of the rule that looks at the model is left out here: whatever the
// model, there is no alarm without this.
TEST(AuditAlarmTest, AtMostOneOfTwentyCleanDataSetsIsAboveChance) {
  std::vector<std::string> above;
  for (int seed = 0; seed < 20; ++seed) {
    const auto data =
        testing::MakePhantoms(SourcesOf(seed), kClasses, 64, seed);
    for (const std::string& figure :
         testing::AboveChance(testing::AuditOf(data, seed, 2)))
      above.push_back(std::to_string(seed) + " " + figure);
  }
  EXPECT_LE(above.size(), 1u) << ::testing::PrintToString(above);
}

TEST(AuditAlarmTest, APlantedMarkerIsSeenInEveryDataSet) {
  for (int seed = 100; seed < 112; ++seed) {
    Json source = {{"name", "p"},
                   {"images", 120 + 60 * (seed % 3)},
                   {"images_per_patient", 1 + seed % 3},
                   {"size", seed % 2 == 0 ? 64 : 128},
                   {"seed", seed},
                   {"marker", {{"hazy", seed % 4 == 0 ? 0.9 : 1.0}}}};
    const Audit audit = testing::AuditOf(
        testing::MakePhantoms(Json::array({source}), kClasses, 64, seed), seed,
        2);
    EXPECT_THAT(testing::AboveChance(audit),
                ::testing::AnyOf(Contains("ring clear/hazy"),
                                 Contains("ring consolidation/hazy")))
        << seed;
  }
}

}  // namespace
}  // namespace besom::stages
