#include "pipeline/store/action_key.h"

#include <gtest/gtest.h>

namespace besom {
namespace {

using Inputs = std::vector<std::pair<std::string, Digest>>;

TEST(ActionKeyTest, EverythingThatDecidesTheOutputChangesTheKey) {
  const Inputs inputs = {{"a", DigestOf(std::string_view("x"))}};
  const Inputs others = {{"b", DigestOf(std::string_view("x"))}};
  const Json params = {{"p", 1}}, other_params = {{"p", 1.0}};
  const Digest key = ActionKey({"split", 1, params, inputs});
  EXPECT_EQ(key, ActionKey({"split", 1, params, inputs}));
  EXPECT_NE(key, ActionKey({"ingest", 1, params, inputs}));
  EXPECT_NE(key, ActionKey({"split", 2, params, inputs}));
  EXPECT_NE(key, ActionKey({"split", 1, other_params, inputs}));
  EXPECT_NE(key, ActionKey({"split", 1, params, others}));
  EXPECT_NE(key, ActionKey({"split", 1, params, {}}));
}

// A workspace outlives the program: a changed recipe must not go unnoticed.
TEST(ActionKeyTest, TheRecipeIsPinned) {
  EXPECT_EQ(ActionKey({"split", 1, {{"seed", 7}}, {}}),
            DigestOf(std::string_view(
                R"({"inputs":[],"key_version":1,"params":{"seed":7},)"
                R"("stage":"split","stage_version":1})")));
}

}  // namespace
}  // namespace besom
