// Mutated sweeps: whatever the text, reading it ends with a value or an error
// that has a place, never in a crash.
#include <gtest/gtest.h>

#include "pipeline/base/random.h"
#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

using ::besom::sweeps::testing::kBase;
using ::besom::sweeps::testing::Parse;

const Path kExamples = Path(BESOM_SWEEPS_FOLDER) / "examples";

const std::vector<std::string> kPieces = {"[",
                                          "]",
                                          "{",
                                          "}",
                                          ":",
                                          "- ",
                                          "\n",
                                          "  ",
                                          "\t",
                                          "'",
                                          "\"",
                                          "&a ",
                                          "*a",
                                          "<<: *a",
                                          "~",
                                          "null",
                                          "${",
                                          "${X}",
                                          "---\n",
                                          "...\n",
                                          "|\n",
                                          ">\n",
                                          "!!x ",
                                          "1e400",
                                          "-0",
                                          ".nan",
                                          "0x1F",
                                          "\xff",
                                          "\xc3",
                                          "? ",
                                          "%YAML\n",
                                          "#",
                                          "values",
                                          "when: 'x'",
                                          "min: 1",
                                          "999999999999999999999",
                                          "parameters",
                                          "constraints: ['a']",
                                          "\\u0000",
                                          "method: random",
                                          "method: list",
                                          "@",
                                          "`",
                                          ",",
                                          "-",
                                          "=",
                                          "\r"};

std::string Mutated(std::string text, KeyedRandom& random) {
  const std::uint64_t changes = 1 + random.Below(4);
  for (std::uint64_t i = 0; i < changes; ++i) {
    const std::size_t at = random.Below(text.size() + 1);
    const std::size_t length =
        std::min<std::size_t>(random.Below(12), text.size() - at);
    switch (random.Below(4)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, kPieces[random.Below(kPieces.size())]);
        break;
      case 2:
        text.insert(at, text.substr(at, length * 8));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random.Below(256));
    }
  }
  return text;
}

void ReadOne(const std::string& text) {
  const auto spec = Parse(text, {}, {.variables = {{"X", "1"}}});
  if (!spec.ok()) {
    EXPECT_EQ(spec.status().code(), StatusCode::kInvalid) << text;
    EXPECT_FALSE(spec.status().place().empty()) << text;
    EXPECT_FALSE(spec.status().cause().empty()) << text;
    return;
  }
  const auto plan = ExpandTrials(*spec);
  EXPECT_TRUE(plan.ok() || !plan.status().place().empty()) << text;
}

TEST(FuzzTest, MutatedSweepsNeverCrash) {
  std::vector<std::string> seeds = {
      kBase +
          "parameters: {head: [[1], [2]], dropout: {values: [0.1], when: "
          "'model.head == [1]'}}\nconstraints: ['not (train.epochs == 3 "
          "and model.dropout > 0.1)']\n",
      kBase +
          "method: random\nrun_cap: 3\nparameters:\n  dropout: {min: 0.1, "
          "max: 0.5}\n  learning_rate: {distribution: "
          "q_log_uniform_values, min: 1e-4, max: 1, q: 1e-4}\n"};
  for (const char* name : {"covid-xray.yaml", "demo.yaml", "smoke.yaml"}) {
    auto text = ReadFile(kExamples / name);
    ASSERT_TRUE(text.ok());
    seeds.push_back(*std::move(text));
  }
  for (std::uint64_t i = 0; i < 4000; ++i) {
    KeyedRandom random(1, "fuzz", {i});
    ReadOne(Mutated(seeds[i % seeds.size()], random));
  }
}

TEST(FuzzTest, MutatedOverridesNeverCrash) {
  const std::string seed = "parameters.model.head.values=[[1], [2]]";
  for (std::uint64_t i = 0; i < 2000; ++i) {
    KeyedRandom random(2, "fuzz", {i});
    const auto spec = Parse(kBase, {Mutated(seed, random)});
    if (spec.ok()) continue;
    EXPECT_FALSE(spec.status().place().empty());
  }
}

TEST(FuzzTest, DeepOverridesAreRefused) {
  std::string path = "a";
  for (int i = 0; i < 50000; ++i) path += ".a";
  EXPECT_FALSE(Parse(kBase, {path + "=1"}).ok());
}

}  // namespace
}  // namespace besom::sweeps
