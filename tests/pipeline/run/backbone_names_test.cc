// sweeps/ and stages/ do not see each other; what both name must agree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stages/model/backbone_catalog.h"
#include "sweeps/schema.h"

namespace besom::run {
namespace {

using ::testing::ElementsAreArray;

TEST(BackboneNamesTest, TheSpecTakesThoseOfTheCatalog) {
  std::vector<std::string> words;
  for (const sweeps::Key& key : sweeps::SweepSchema().keys())
    if (key.path == "model.backbone")
      for (const sweeps::Form& form : key.forms)
        for (const sweeps::Word& word : form.words)
          if (word.built) words.push_back(word.name);
  EXPECT_THAT(words, ElementsAreArray(stages::BackboneNames()));
}

}  // namespace
}  // namespace besom::run
