#include "pipeline/cli/rank_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stages/model/numerics_tag.h"

namespace besom::cli {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Not;

const cluster::Gpu kFirst{"GPU-a", "NVIDIA H100"},
    kSecond{"GPU-b", "NVIDIA L4"};

RankCard Card(std::vector<cluster::Gpu> gpus) {
  return {.gpus = std::move(gpus),
          .cpus = {0, 1, 2, 3},
          .quota = 0,
          .host_bytes = 64,
          .numerics = {"cpu/e/fp32/x"}};
}

TEST(RankCardTest, TextIsReadAsItWasWritten) {
  RankCard card = Card({kFirst, kSecond});
  card.quota = 1.5;
  const auto read = RankCard::FromText(card.ToText());
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->gpus, card.gpus);
  EXPECT_EQ(read->cpus, card.cpus);
  EXPECT_EQ(read->quota, 1.5);
  EXPECT_EQ(read->host_bytes, 64);
  EXPECT_EQ(read->numerics, card.numerics);
  EXPECT_EQ(RankCard::FromText("{}").status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(RankCard::FromText("?").status().code(), StatusCode::kCorrupt);
}

TEST(RankCardTest, OfThisProcess) {
  const RankCard card = RankCard::OfThisProcess({}, 1);
  EXPECT_FALSE(card.cpus.empty());
  EXPECT_THAT(card.numerics, Contains(stages::NumericsTag("fp32")));
}

TEST(PlaceRanksTest, OneRankOneGpu) {
  const RankCard card = Card({kFirst, kSecond});
  const JobPlaces job = PlaceRanks({card, card}, {0, 0});
  EXPECT_EQ(job.places[0].gpu, "cuda:0");
  EXPECT_EQ(job.places[1].gpu, "cuda:1");
  EXPECT_THAT(job.places, Each(Field(&RankPlace::shares_gpu, false)));
  EXPECT_THAT(job.places, Each(Field(&RankPlace::threads, 2)));
  EXPECT_NE(job.traits[0].gpu, job.traits[1].gpu);
  // Its own CPU's tags, not those of whoever works the places out.
  EXPECT_THAT(job.traits[0].numerics,
              ElementsAre(stages::NumericsTag("fp32", "cuda", "NVIDIA H100"),
                          "cpu/e/fp32/x"));
  EXPECT_THAT(job.traits[1].numerics,
              Contains(stages::NumericsTag("fp32", "cuda", "NVIDIA L4")));
  EXPECT_THAT(job.traits[1].numerics, Contains("cpu/e/fp32/x"));
}

TEST(PlaceRanksTest, MoreRanksThanGpusShareThem) {
  const JobPlaces job =
      PlaceRanks({Card({kFirst}), Card({kFirst}), Card({kSecond})}, {0, 0, 1});
  EXPECT_EQ(job.traits[0].gpu, job.traits[1].gpu);
  EXPECT_NE(job.traits[0].gpu, job.traits[2].gpu);
  EXPECT_TRUE(job.places[1].shares_gpu);
  EXPECT_FALSE(job.places[2].shares_gpu);
  EXPECT_EQ(job.places[2].threads, 4);
}

TEST(PlaceRanksTest, EachRankMaySeeAGpuOfItsOwnAsTheFirst) {
  const JobPlaces job = PlaceRanks({Card({kFirst}), Card({kSecond})}, {0, 0});
  EXPECT_EQ(job.places[0].gpu, "cuda:0");
  EXPECT_EQ(job.places[1].gpu, "cuda:0");
  EXPECT_FALSE(job.places[0].shares_gpu);
  EXPECT_NE(job.traits[0].gpu, job.traits[1].gpu);
}

TEST(PlaceRanksTest, WithoutGpusRanksOfferTheirCpus) {
  const JobPlaces job = PlaceRanks({Card({}), Card({kFirst})}, {0, 0});
  EXPECT_EQ(job.places[0].gpu, "");
  EXPECT_EQ(job.traits[0].gpu, -1);
  EXPECT_THAT(job.traits[0].numerics, ElementsAre("cpu/e/fp32/x"));
  EXPECT_EQ(job.traits[0].host_bytes, 64);
}

TEST(PlaceRanksTest, AQuotaOfTheHostIsSharedOut) {
  RankCard card = Card({});
  card.quota = 2;
  const JobPlaces job = PlaceRanks({card, card}, {0, 0});
  EXPECT_THAT(job.places, Each(Field(&RankPlace::threads, 1)));
}

TEST(NumericsTagTest, HasAPartForEachThingThatDecides) {
  const std::string tag =
      stages::NumericsTag("fp32", "cuda:3", "NVIDIA H100 80GB");
  EXPECT_EQ(stages::DeviceKindOf(tag), "cuda");
  EXPECT_EQ(stages::PrecisionOf(tag), "fp32");
  EXPECT_TRUE(tag.ends_with("/nvidia-h100-80gb")) << tag;
  EXPECT_EQ(stages::DeviceKindOf(stages::NumericsTag("bf16")), "cpu");
  EXPECT_EQ(stages::PrecisionOf("nonsense"), "");
}

}  // namespace
}  // namespace besom::cli
