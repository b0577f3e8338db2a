#include "stages/model/features_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <vector>

#include "stages/data/pixel_shard.h"
#include "stages/data/split_table.h"
#include "stages/data/view.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/feature_shard.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/preprocessing.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr int kSize = 32;
constexpr int kDimension = 512;  // VGG16, average pooling.

/// What the fake engine makes of one image at a tap.
std::vector<float> FakeRow(std::span<const float> image,
                           const FeatureTap& tap = {}) {
  std::vector<float> row(kDimension);
  const std::size_t salt = tap.cut.back() + tap.pooling.size();
  for (std::size_t i = 0; i < image.size(); ++i)
    row[i % kDimension] += image[i] * static_cast<float>((i + salt) % 7);
  return row;
}

/// Counts what it is asked for.
struct EngineLog {
  int made = 0;
  std::vector<std::string> engines;  ///< As their specs name them.
  std::vector<std::vector<FeatureTap>> taps;
  std::mutex mutex;
  std::vector<int> batches;  ///< Images of each pass; guarded by `mutex`.
};

class FakeEngine final : public FeatureEngine {
 public:
  FakeEngine(int batch, std::vector<FeatureTap> taps, EngineLog& log)
      : batch_(batch), taps_(std::move(taps)), log_(log) {}
  int dimension() const override {
    return kDimension * static_cast<int>(taps_.size());
  }
  int batch() const override { return batch_; }
  std::size_t image_numbers() const override { return kSize * kSize * 3; }
  Status Extract(int images, std::span<const float> input,
                 std::span<float> rows) override {
    {
      const std::lock_guard lock(log_.mutex);
      log_.batches.push_back(images);
    }
    auto out = rows.begin();
    for (int i = 0; i < images; ++i) {
      for (const FeatureTap& tap : taps_) {
        const std::vector<float> row =
            FakeRow(input.subspan(i * image_numbers(), image_numbers()), tap);
        out = std::copy(row.begin(), row.end(), out);
      }
    }
    return Status::Ok();
  }

 private:
  int batch_;
  std::vector<FeatureTap> taps_;
  EngineLog& log_;
};

/// Five contents: grey a, b, d; c could not be decoded; e has colours. In
/// training: a, d and e.
class FeaturesStageTest : public ::testing::Test {
 protected:
  FeaturesStageTest() {
    const std::string names = "abcde";
    std::vector<PixelRecord> records;
    for (std::size_t i = 0; i < names.size(); ++i) {
      contents_.push_back(DigestOf(names.substr(i, 1)));
      PixelRecord record{.content = contents_.back()};
      record.channels = names[i] == 'e' ? 3 : 1;
      if (names[i] == 'c') record.error = "cut short";
      const std::size_t bytes = kSize * kSize * record.channels;
      pixels_.emplace_back(names[i] == 'c' ? 0 : bytes);
      for (std::size_t p = 0; p < pixels_.back().size(); ++p)
        pixels_.back()[p] = static_cast<std::uint8_t>(p * (i + 3));
      records.push_back(record);
      params_["contents"].push_back(contents_.back().Hex());
    }
    artifacts_["pixels"] = {
        Artifact::FromBytes(PixelShard::Pack(kSize, records, pixels_))};
    artifacts_["split"] = {Artifact::FromBytes(SplitOf("abcde", "ade"))};
  }

  std::string SplitOf(const std::string& names, const std::string& trained) {
    SplitTable table{.classes = {"x"}};
    for (std::size_t i = 0; i < names.size(); ++i) {
      SplitEntry entry{.image = i, .source = "s", .path = names.substr(i, 1)};
      entry.label = "x";
      entry.content = contents_[i];
      entry.sets = {trained.find(names[i]) == std::string::npos ? "test"
                                                                : "train"};
      table.entries.push_back(entry);
    }
    return CanonicalText(table.ToJson());
  }

  void UseViews(const std::vector<int>& views) {
    params_["views"] = views;
    params_["augment"] = {{"views", 2},        {"rotation", 15.0},
                          {"shift", 0.0},      {"zoom", 0.0},
                          {"brightness", 0.1}, {"contrast", 0.0},
                          {"fill", "nearest"}, {"horizontal_flip", true}};
  }

  FeaturesStage MakeStage(int batch = 2) {
    return FeaturesStage([this, batch](const EngineSpec& spec,
                                       int lanes) -> Result<Engines> {
      log_.made += lanes;
      log_.engines.push_back(spec.engine);
      log_.taps.push_back(spec.taps);
      Engines engines;
      for (int lane = 0; lane < lanes; ++lane)
        engines.push_back(std::make_unique<FakeEngine>(batch, spec.taps, log_));
      return engines;
    });
  }

  Result<StageOutput> Run(FeaturesStage& stage) {
    return stage.Run({params_, hints_, artifacts_, progress_});
  }

  FeatureShard RunForShard(int batch = 2) {
    FeaturesStage stage = MakeStage(batch);
    auto output = Run(stage);
    EXPECT_TRUE(output.ok()) << output.status().ToString();
    counters_ = output->counters;
    return FeatureShard::Open(Artifact::FromBytes(output->blobs.at("features")))
        .value();
  }

  /// The row that image `index` should get.
  std::vector<float> Expected(std::size_t index, int view = 0) {
    const int channels = index == 4 ? 3 : 1;
    std::vector<std::uint8_t> pixels = pixels_[index];
    if (view > 0) {
      const auto settings =
          AugmentSettings::FromJson(params_.at("augment")).value();
      pixels = RenderView(pixels, kSize, channels,
                          DrawView(settings, contents_[index], view, 7),
                          settings.fill);
    }
    std::vector<float> input(kSize * kSize * 3);
    InputFiller(Preprocessing::Torchvision()).Fill(pixels, channels, input);
    return FakeRow(input);
  }

  std::vector<Digest> contents_;
  std::vector<std::vector<std::uint8_t>> pixels_;
  Json params_ = {{"backbone", "vgg16"},
                  {"weights", "random"},
                  {"preprocessing", "weights"},
                  {"cut", "full"},
                  {"pooling", "average"},
                  {"precision", "fp32"},
                  {"numerics", NumericsTag("fp32")},
                  {"size", kSize},
                  {"augment", nullptr},
                  {"views", {0}},
                  {"seed", 7},
                  {"contents", Json::array()}};
  Json hints_ = {{"threads", 1}};
  ArtifactMap artifacts_;
  std::function<bool(double)> progress_ = [](double) { return false; };
  EngineLog log_;
  Json counters_;
};

TEST_F(FeaturesStageTest, PlainRowsOfEveryImageThatCouldBeDecoded) {
  const FeatureShard shard = RunForShard();
  ASSERT_THAT(shard.keys(), ElementsAre(FeatureKey{contents_[0], "plain"},
                                        FeatureKey{contents_[1], "plain"},
                                        FeatureKey{contents_[3], "plain"},
                                        FeatureKey{contents_[4], "plain"}));
  EXPECT_THAT(shard.row(0), ElementsAreArray(Expected(0)));
  EXPECT_THAT(shard.row(2), ElementsAreArray(Expected(3)));
  EXPECT_THAT(shard.row(3), ElementsAreArray(Expected(4)));
  for (const auto& [name, count] :
       {std::pair("rows", 4), std::pair("computed", 4), std::pair("reused", 0),
        std::pair("images", 4)})
    EXPECT_EQ(counters_.at(name), count) << name;
}

TEST_F(FeaturesStageTest, TheTimeOfTheLanesIsToldByPart) {
  hints_["threads"] = 3;
  RunForShard(1);
  const double input = counters_.at("input_seconds"),
               engine = counters_.at("engine_seconds"),
               lanes = counters_.at("lane_seconds");
  EXPECT_GT(input, 0);
  EXPECT_GT(engine, 0);
  EXPECT_LE(input + engine, lanes);
}

TEST_F(FeaturesStageTest, AugmentedViewsAreMadeOfTrainingImagesOnly) {
  UseViews({1, 2});
  const FeatureShard shard = RunForShard();
  const auto settings =
      AugmentSettings::FromJson(params_.at("augment")).value();
  const std::string one = ViewKey(settings, 1, 7),
                    two = ViewKey(settings, 2, 7);
  ASSERT_THAT(
      shard.keys(),
      ElementsAre(FeatureKey{contents_[0], one}, FeatureKey{contents_[3], one},
                  FeatureKey{contents_[4], one}, FeatureKey{contents_[0], two},
                  FeatureKey{contents_[3], two},
                  FeatureKey{contents_[4], two}));
  EXPECT_THAT(shard.row(1), ElementsAreArray(Expected(3, 1)));
  EXPECT_THAT(shard.row(5), ElementsAreArray(Expected(4, 2)));
  EXPECT_EQ(counters_.at("images"), 3);
}

TEST_F(FeaturesStageTest, TheShardDoesNotDependOnTheBatch) {
  UseViews({1, 2});
  FeaturesStage small = MakeStage(1), large = MakeStage(64);
  EXPECT_EQ(Run(small)->blobs, Run(large)->blobs);
}

TEST_F(FeaturesStageTest, SeveralThreadsMakeTheSameShardInPassesOfTheirOwn) {
  UseViews({1, 2});
  FeaturesStage one = MakeStage(1);
  const auto alone = Run(one);
  hints_["threads"] = 3;
  log_.made = 0;
  FeaturesStage three = MakeStage(1);
  EXPECT_EQ(Run(three)->blobs, alone->blobs);
  EXPECT_EQ(log_.made, 3);
}

TEST_F(FeaturesStageTest, PriorRowsAreTakenAndOnlyTheRestIsComputed) {
  const std::vector<float> known(kDimension, 0.25F);
  artifacts_["prior"] = {Artifact::FromBytes(
      FeatureShard::Pack(kDimension, {{contents_[1], "plain"}}, known))};
  const FeatureShard shard = RunForShard();
  EXPECT_THAT(shard.row(1), ElementsAreArray(known));
  EXPECT_THAT(shard.row(2), ElementsAreArray(Expected(3)));
  EXPECT_THAT(log_.batches, ElementsAre(2, 1));
  EXPECT_EQ(counters_.at("reused"), 1);
  EXPECT_EQ(counters_.at("computed"), 3);
}

TEST_F(FeaturesStageTest, NoEngineIsMadeWhenPriorShardsHoldAll) {
  FeaturesStage stage = MakeStage();
  const std::string first = Run(stage)->blobs.at("features");
  artifacts_["prior"] = {Artifact::FromBytes(first)};
  log_.made = 0;
  log_.batches.clear();
  FeaturesStage fresh = MakeStage();
  const auto again = Run(fresh);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->blobs.at("features"), first);
  EXPECT_EQ(log_.made, 0);
}

/// Tasks of one call: block5 pooled in two ways, and block4, which has 512
/// channels, too.
class CutsTest : public FeaturesStageTest {
 protected:
  CutsTest() {
    for (const auto& [cut, pooling] :
         {std::pair("full", "average"), std::pair("block4", "max"),
          std::pair("full", "max")}) {
      tasks_.push_back(params_);
      tasks_.back()["cut"] = cut;
      tasks_.back()["pooling"] = pooling;
    }
    own_.assign(tasks_.size(), artifacts_);
  }
  Result<std::vector<Result<StageOutput>>> RunEach() {
    std::vector<StageInput> inputs;
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      inputs.push_back({tasks_[i], hints_, own_[i], progress_});
    FeaturesStage stage = MakeStage();
    return stage.RunEach(inputs);
  }
  /// Each must leave what it leaves alone.
  void ExpectAsAlone(const std::vector<Result<StageOutput>>& together) {
    ASSERT_EQ(together.size(), tasks_.size());
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      ASSERT_TRUE(together[i].ok()) << together[i].status().ToString();
      FeaturesStage stage = MakeStage();
      const auto alone =
          stage.Run({tasks_[i], hints_, own_[i], progress_}).value();
      EXPECT_EQ(together[i]->blobs, alone.blobs) << i;
    }
  }

  std::vector<Json> tasks_;
  std::vector<ArtifactMap> own_;
};

TEST_F(CutsTest, ComeFromTheSamePasses) {
  const auto together = RunEach();
  ASSERT_TRUE(together.ok()) << together.status().ToString();
  EXPECT_THAT(log_.batches, ElementsAre(2, 2));
  EXPECT_EQ(log_.made, 1);
  const auto counted = [&](std::size_t task, const char* name) {
    return (*together)[task]->counters.at(name).get<double>();
  };
  EXPECT_EQ(counted(0, "passes") + counted(1, "passes") + counted(2, "passes"),
            4);
  EXPECT_GT(counted(1, "multiply_adds"), 0);
  const Backbone vgg16 = DescribeBackbone("vgg16").value();
  EXPECT_EQ(
      counted(0, "multiply_adds") + counted(1, "multiply_adds") +
          counted(2, "multiply_adds"),
      4.0 * static_cast<double>(
                MultiplyAdds(vgg16, CutLayer(vgg16, "full").value(), kSize)
                    .value()));
  ExpectAsAlone(*together);
}

TEST_F(CutsTest, EachTakesItsOwnPriorRows) {
  const std::vector<float> known(kDimension, 0.25F);
  own_[1]["prior"] = {Artifact::FromBytes(
      FeatureShard::Pack(kDimension, {{contents_[1], "plain"}}, known))};
  const auto together = RunEach();
  ASSERT_TRUE(together.ok()) << together.status().ToString();
  EXPECT_EQ((*together)[0]->counters.at("computed"), 4);
  EXPECT_EQ((*together)[1]->counters.at("computed"), 3);
  ExpectAsAlone(*together);
}

TEST_F(CutsTest, OneThatCannotBeIsRefusedByItself) {
  tasks_[2]["pooling"] = "average4";  // Of a map of 1 x 1.
  const auto together = RunEach();
  ASSERT_TRUE(together.ok()) << together.status().ToString();
  EXPECT_EQ((*together)[2].status().code(), StatusCode::kInvalid);
  EXPECT_TRUE((*together)[0].ok() && (*together)[1].ok());
}

TEST_F(CutsTest, OtherImagesInOneCallAreRefused) {
  tasks_[1]["contents"].erase(0);
  EXPECT_EQ(RunEach().status().code(), StatusCode::kInternal);
}

TEST_F(FeaturesStageTest, TheEngineIsKeptUntilItsSpecChanges) {
  FeaturesStage stage = MakeStage();
  ASSERT_TRUE(Run(stage).ok());
  ASSERT_TRUE(Run(stage).ok());
  EXPECT_EQ(log_.made, 1);
  params_["pooling"] = "max";
  ASSERT_TRUE(Run(stage).ok());
  EXPECT_EQ(log_.made, 2);
}

TEST_F(FeaturesStageTest, TheEngineIsTheOneThatTheTasksTagNames) {
  FeaturesStage stage = MakeStage();
  std::vector<std::string> expected;
  for (const std::string& tag : OfferedNumerics("")) {
    params_["numerics"] = tag;
    expected.emplace_back(EngineOf(tag));
    ASSERT_TRUE(Run(stage).ok()) << tag;
  }
  EXPECT_THAT(log_.engines, ElementsAreArray(expected));
}

TEST_F(FeaturesStageTest, ASplitOfAnotherSweepIsReadAnew) {
  UseViews({1});
  FeaturesStage stage = MakeStage();
  EXPECT_EQ(Run(stage)->counters.at("rows"), 3);
  artifacts_["split"] = {Artifact::FromBytes(SplitOf("abcde", "b"))};
  EXPECT_EQ(Run(stage)->counters.at("rows"), 1);
}

TEST_F(FeaturesStageTest, ReportsProgressAndStopsWhenAsked) {
  std::vector<double> seen;
  progress_ = [&](double share) {
    seen.push_back(share);
    return false;
  };
  FeaturesStage stage = MakeStage();
  ASSERT_TRUE(Run(stage).ok());
  EXPECT_THAT(seen, ElementsAre(0.5, 1.0));
  progress_ = [](double) { return true; };
  const auto stopped = Run(stage);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.status().code(), StatusCode::kInterrupted);
}

TEST_F(FeaturesStageTest, InputsThatDoNotFitTheParametersAreRefused) {
  const auto refuse = [&](StatusCode code, const char* text) {
    FeaturesStage stage = MakeStage();
    const auto output = Run(stage);
    ASSERT_FALSE(output.ok()) << text;
    EXPECT_EQ(output.status().code(), code) << output.status().ToString();
    EXPECT_THAT(output.status().ToString(), HasSubstr(text));
  };
  const Json good = params_;
  params_["contents"].push_back(DigestOf("z").Hex());
  refuse(StatusCode::kCorrupt, "no pixels of");
  params_ = good;
  params_["size"] = 64;
  refuse(StatusCode::kCorrupt, "pixels are 32 wide");
  params_ = good;
  params_["numerics"] = "cpu/other";
  refuse(StatusCode::kUnavailable, "cpu/other");
  params_ = good;
  params_.erase("cut");
  refuse(StatusCode::kInvalid, "cut");
  params_ = good;
  UseViews({1});
  artifacts_.erase("split");
  refuse(StatusCode::kCorrupt, "split");
}

TEST_F(FeaturesStageTest, WeightsThatChangedSincePlanningAreRefused) {
  const Path path =
      std::filesystem::temp_directory_path() /
      ("besom-features-" + std::to_string(::getpid()) + ".safetensors");
  const std::string empty("\x02\0\0\0\0\0\0\0{}", 10);  // No tensors.
  ASSERT_TRUE(WriteFileAtomic(path, empty).ok());
  params_["weights"] = DigestOf(std::string_view(empty)).Hex();
  hints_["weights_path"] = path.string();
  FeaturesStage stage = MakeStage();
  EXPECT_TRUE(Run(stage).ok());
  params_["weights"] = DigestOf("others").Hex();
  const auto output = Run(stage);
  std::filesystem::remove(path);
  ASSERT_FALSE(output.ok());
  EXPECT_EQ(output.status().code(), StatusCode::kCorrupt);
  EXPECT_THAT(output.status().place(), HasSubstr(path.string()));
}

}  // namespace
}  // namespace besom::stages
