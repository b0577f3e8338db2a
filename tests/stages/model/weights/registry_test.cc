#include "stages/model/weights/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stages/model/preprocessing.h"

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

/// One entry as JSON, without the keys in `missing`, with those of `changed`.
std::string Entry(const Json& changed = Json::object(),
                  const std::string& missing = "") {
  Json entry = {{"name", "vgg16.own"},
                {"backbone", "vgg16"},
                {"publisher", "us"},
                {"url", "https://a.example/x.pth"},
                {"sha256_prefix", "0123abcd"},
                {"preprocessing", "torch"},
                {"input_size", 224},
                {"license", "MIT"},
                {"citation", "us"}};
  entry.update(changed);
  entry.erase(missing);
  return entry.dump();
}

std::string ListOf(const std::vector<std::string>& entries) {
  return fmt::format("[{}]", fmt::join(entries, ","));
}

std::string ErrorOf(const std::vector<std::string>& entries) {
  const auto registry = WeightsRegistry::Parse(ListOf(entries), "r.json");
  return registry.ok() ? "ok" : registry.status().ToString();
}

TEST(RegistryTest, EveryDocumentedBackboneHasOneImagenet) {
  const auto registry =
      WeightsRegistry::Parse(WeightsRegistry::BuiltInText(), "built in");
  ASSERT_TRUE(registry.ok()) << registry.status().ToString();
  // INTERFACE's names.
  for (const char* name : {"vgg11",
                           "vgg13",
                           "vgg16",
                           "vgg19",
                           "vgg11_bn",
                           "vgg13_bn",
                           "vgg16_bn",
                           "vgg19_bn",
                           "resnet18",
                           "resnet34",
                           "resnet50",
                           "resnet101",
                           "densenet121",
                           "mobilenet_v2",
                           "mobilenet_v3_large",
                           "efficientnet_lite0",
                           "efficientnet_lite1",
                           "efficientnet_lite2",
                           "efficientnet_b0",
                           "convnext_tiny",
                           "vit_b_16"}) {
    const PretrainedWeights* entry = registry->Imagenet(name);
    ASSERT_NE(entry, nullptr) << name;
    EXPECT_EQ(entry->backbone, name);
  }
  for (const PretrainedWeights& entry : registry->entries())
    EXPECT_TRUE(Preprocessing::FromJson(entry.preprocessing).ok())
        << entry.name;
}

TEST(RegistryTest, EntriesAreFoundByNameAndBySource) {
  const auto registry =
      WeightsRegistry::Parse(ListOf({Entry()}), "r.json").value();
  const PretrainedWeights* entry = registry.Find("vgg16.own");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->digest.ToText(), "sha256:0123abcd...");
  EXPECT_EQ(registry.OfSource("vgg16", "https://a.example/x.pth"), entry);
  EXPECT_EQ(registry.OfSource("vgg19", "https://a.example/x.pth"), nullptr);
  EXPECT_EQ(registry.OfSource("vgg16", ""), nullptr);
  EXPECT_EQ(registry.Find("vgg16"), nullptr);
  EXPECT_EQ(registry.Imagenet("vgg16"), nullptr);
}

TEST(RegistryTest, BrokenEntriesAreNamed) {
  EXPECT_EQ(ErrorOf({Entry()}), "ok");
  EXPECT_THAT(WeightsRegistry::Parse("{}", "r.json").status().ToString(),
              HasSubstr("r.json: not a JSON list"));
  EXPECT_THAT(ErrorOf({Entry(Json::object(), "license")}),
              HasSubstr("license"));
  EXPECT_THAT(ErrorOf({Entry({{"input_size", "big"}})}), HasSubstr("entry 1"));
  EXPECT_THAT(ErrorOf({Entry({{"name", "vgg19.own"}})}),
              HasSubstr("begin with its backbone"));
  EXPECT_THAT(ErrorOf({Entry({{"name", "vgg16./../x"}})}),
              HasSubstr("other letters"));
  EXPECT_THAT(ErrorOf({Entry(Json::object(), "url")}),
              HasSubstr("exactly one of url and package"));
  EXPECT_THAT(ErrorOf({Entry({{"sha256_prefix", "0123abc"}})}),
              HasSubstr("no digest"));
  EXPECT_THAT(ErrorOf({Entry(Json::object(), "sha256_prefix")}),
              HasSubstr("no digest"));
  EXPECT_THAT(ErrorOf({Entry(), Entry()}), HasSubstr("twice"));
  EXPECT_THAT(ErrorOf({Entry({{"imagenet", true}}),
                       Entry({{"imagenet", true}, {"name", "vgg16.b"}})}),
              HasSubstr("two entries for `imagenet`"));
}

}  // namespace
}  // namespace besom::stages
