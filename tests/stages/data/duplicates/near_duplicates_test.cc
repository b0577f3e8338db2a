#include "stages/data/near_duplicates.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drawn_pictures.h"
#include "stages/data/duplicates_stage.h"

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

Digest Named(std::string_view name) { return DigestOf(name); }

bool Holds(const NearPairs& near, std::string_view a, std::string_view b) {
  const std::pair<Digest, Digest> wanted = std::minmax({Named(a), Named(b)});
  for (const NearPair& pair : near.pairs)
    if (std::pair(pair.a, pair.b) == wanted) return true;
  return false;
}

NearSearch Find(const std::vector<ThumbnailShard>& shards, int threads = 1) {
  return FindNearDuplicates(shards, threads, nullptr);
}

TEST(NearDuplicates, FindsCopiesAndNoStrangers) {
  Shelf shelf;
  for (int i = 0; i < 20; ++i) shelf.Put(fmt::format("p{}", i), Drawn(i));
  const DecodedImage first = Drawn(0);
  shelf.Put("turned", Changed(first, 2, 1));
  shelf.Put("turned back", Changed(first, -2, 1));
  shelf.Put("cropped", Changed(first, 0, 1 / 0.96));
  shelf.Put("brighter", Changed(first, 0, 1, 0.8, 30));
  shelf.Put("all of it", Changed(first, 2, 1 / 0.96, 0.9, 10));
  const NearSearch search = Find({shelf.Open()});
  for (const char* copy :
       {"turned", "turned back", "cropped", "brighter", "all of it"})
    EXPECT_TRUE(Holds(search.found, "p0", copy)) << copy;
  // Six files of one picture: no pair has a stranger.
  EXPECT_EQ(search.found.pairs.size(), 6U * 5 / 2);
  EXPECT_EQ(search.compared, 25U);
  EXPECT_FALSE(search.stopped);
}

TEST(NearDuplicates, SizesAndShapesOfTheFilesDoNotMatter) {
  Shelf shelf;
  shelf.Put("large", Drawn(3, 512));
  shelf.Put("small", Drawn(3, 128));
  DecodedImage wide = Drawn(3, 512);  // Every row twice.
  wide.height *= 2;
  std::vector<std::uint8_t> rows;
  for (int y = 0; y < 512; ++y)
    for (int twice = 0; twice < 2; ++twice)
      rows.insert(rows.end(), wide.pixels.begin() + y * 512,
                  wide.pixels.begin() + (y + 1) * 512);
  wide.pixels = rows;
  shelf.Put("stretched", wide);
  EXPECT_EQ(Find({shelf.Open()}).found.pairs.size(), 3U);
}

TEST(NearDuplicates, DoNotDependOnOrderShardsOrThreads) {
  Shelf all, front, back, repeated;
  for (int i = 0; i < 40; ++i) {
    const std::string name = fmt::format("p{}", i);
    const DecodedImage image =
        i % 4 == 3 ? Changed(Drawn(i - 1), 1.5, 1.02) : Drawn(i);
    all.Put(name, image);
    (i < 13 ? back : front).Put(name, image);
    if (i % 3 == 0) repeated.Put(name, image);
  }
  const std::string expected = CanonicalText(Find({all.Open()}).found.ToJson());
  EXPECT_THAT(expected, HasSubstr(Named("p3").Hex()));
  EXPECT_EQ(CanonicalText(Find({front.Open(), back.Open()}, 3).found.ToJson()),
            expected);
  EXPECT_EQ(
      CanonicalText(
          Find({repeated.Open(), all.Open(), back.Open()}, 2).found.ToJson()),
      expected);
}

TEST(NearDuplicates, PicturesWithoutDetailAreNotCompared) {
  Shelf shelf;
  DecodedImage flat = Drawn(0);
  for (std::uint8_t& pixel : flat.pixels) pixel = 90;
  shelf.Put("flat", flat);
  shelf.Put("flat too", flat);
  // A stroke on an even ground, as of a digit.
  for (int y = 60; y < 200; ++y)
    for (int x = 120; x < 132; ++x)
      flat.pixels[static_cast<std::size_t>(y * 256 + x)] = 250;
  shelf.Put("one", flat);
  shelf.Put("another one", Changed(flat, 2, 1));
  // An icon: too few pixels to tell.
  shelf.Put("icon", Drawn(1));
  shelf.Put("icon too", Drawn(1));
  shelf.record(4).width = kLeastComparedSide - 1;
  EXPECT_TRUE(Find({shelf.Open()}).found.pairs.empty());
}

TEST(NearDuplicates, NothingIsNoTrouble) {
  EXPECT_TRUE(Find({}).found.pairs.empty());
  EXPECT_TRUE(Find({Shelf().Open()}).found.pairs.empty());
}

TEST(PerceptualHash, StaysNearForCopiesAndFarForOthers) {
  const std::uint64_t hash = PerceptualHash(MakeThumbnail(Drawn(0)));
  EXPECT_LE(HashDistance(hash, PerceptualHash(MakeThumbnail(
                                   Changed(Drawn(0), 0, 1, 0.7, 40)))),
            4);
  DecodedImage inverse = Drawn(0);
  for (std::uint8_t& pixel : inverse.pixels)
    pixel = static_cast<std::uint8_t>(255 - pixel);
  // Every coefficient changes its sign, and the median with them.
  EXPECT_GE(HashDistance(hash, PerceptualHash(MakeThumbnail(inverse))), 60);
}

TEST(ThumbnailShard, GivesBackWhatWasPacked) {
  Shelf shelf;
  shelf.Put("a", Drawn(1));
  shelf.Put("b", Drawn(2, 100));
  const ThumbnailShard shard = shelf.Open();
  ASSERT_EQ(shard.records().size(), 2U);
  EXPECT_EQ(shard.records()[1].content, Named("b"));
  EXPECT_EQ(shard.records()[1].width, 100);
  EXPECT_TRUE(std::ranges::equal(shard.thumbnail(0), MakeThumbnail(Drawn(1))));
  EXPECT_EQ(shard.records()[0].hash, PerceptualHash(shard.thumbnail(0)));
}

TEST(ThumbnailShard, DamageIsCorrupt) {
  Shelf shelf;
  shelf.Put("a", Drawn(1));
  const std::string whole = shelf.Pack();
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{23}, std::size_t{24}, whole.size() - 1})
    EXPECT_EQ(ThumbnailShard::Open(Artifact::FromBytes(whole.substr(0, length)))
                  .status()
                  .code(),
              StatusCode::kCorrupt)
        << length;
  for (const std::size_t at : {0, 8, 12, 16, 23}) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0x41);
    EXPECT_EQ(ThumbnailShard::Open(Artifact::FromBytes(broken)).status().code(),
              StatusCode::kCorrupt)
        << at;
  }
}

TEST(DuplicatesStage, ReadsShardsAndStopsWhenAsked) {
  Shelf one, two;
  one.Put("a", Drawn(1));
  two.Put("b", Changed(Drawn(1), 2, 1));
  ArtifactMap artifacts;
  artifacts["thumbnails"] = {Artifact::FromBytes(one.Pack()),
                             Artifact::FromBytes(two.Pack())};
  const Json params = Json::object(), hints = {{"threads", 2}};
  DuplicatesStage stage;
  const std::function<bool(double)> go_on = [](double) { return false; };
  const auto output = stage.Run({params, hints, artifacts, go_on});
  ASSERT_TRUE(output.ok()) << output.status().ToString();
  const auto json = ParseJson(output->blobs.at("duplicates"), "duplicates");
  const auto near = NearPairs::FromJson(*json);
  ASSERT_TRUE(near.ok()) << near.status().ToString();
  EXPECT_TRUE(Holds(*near, "a", "b"));
  EXPECT_GE(near->pairs.at(0).correlation, kLeastCorrelation);
  EXPECT_EQ(output->counters.at("pairs"), 1);
  const std::function<bool(double)> stop = [](double) { return true; };
  EXPECT_EQ(stage.Run({params, hints, artifacts, stop}).status().code(),
            StatusCode::kInterrupted);
  artifacts["thumbnails"] = {Artifact::FromBytes("no shard")};
  EXPECT_EQ(stage.Run({params, hints, artifacts, go_on}).status().code(),
            StatusCode::kCorrupt);
}

TEST(NearPairs, OtherJsonIsCorrupt) {
  for (const char* text : {"{}", R"({"version": 2, "pairs": []})",
                           R"({"version": 1, "pairs": [{"a": "x"}]})"})
    EXPECT_EQ(NearPairs::FromJson(*ParseJson(text, "test")).status().code(),
              StatusCode::kCorrupt)
        << text;
}

}  // namespace
}  // namespace besom::stages
