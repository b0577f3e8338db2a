#include "stages/model/engine_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

TEST(EngineLoaderTest, TheLibraryIsLookedForBesideTheProgram) {
  EXPECT_EQ(EngineModulePath(),
            std::filesystem::canonical("/proc/self/exe").parent_path() /
                "libbesom-engines.so");
}

TEST(EngineLoaderTest, WhatTheLibraryOffersIsCalled) {
  const auto module = LoadEngineModule(COUNTING_ENGINES);
  ASSERT_TRUE(module.ok()) << module.status().ToString();
  const auto engines = (*module)->make_engines({}, 3);
  ASSERT_TRUE(engines.ok());
  EXPECT_EQ(engines->size(), 3u);
}

TEST(EngineLoaderTest, ThreadsGetTheSame) {
  const EngineModule* found[4] = {};
  {
    std::vector<std::jthread> threads;
    for (const EngineModule*& mine : found)
      threads.emplace_back(
          [&mine] { mine = LoadEngineModule(COUNTING_ENGINES).value(); });
  }
  for (const EngineModule* module : found) EXPECT_EQ(module, found[0]);
}

TEST(EngineLoaderTest, ALibraryThatIsNotThereIsToldWithItsCure) {
  const Path path = "/nowhere/libbesom-engines.so";
  for (const Status& status :
       {FindEngineModule(path), LoadEngineModule(path).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_EQ(status.place(), path.string());
    EXPECT_THAT(status.cause(), HasSubstr("not there"));
    EXPECT_THAT(status.cure(), HasSubstr("besom build"));
  }
}

TEST(EngineLoaderTest, AFileThatIsNoLibraryIsToldWithTheReason) {
  const Status status = LoadEngineModule("/proc/self/cmdline").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(status.place(), "/proc/self/cmdline");
  EXPECT_THAT(status.cause(), HasSubstr("cannot be loaded: "));
  EXPECT_THAT(status.cause(), testing::Not(HasSubstr("cmdline")));
}

TEST(EngineLoaderTest, AnotherLibraryIsRefused) {
  const Status status = LoadEngineModule(NO_ENGINES).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.cause(), HasSubstr("not besom's library of engines"));
}

}  // namespace
}  // namespace besom::stages
