#include "pipeline/cli/machine/completion_script.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "pipeline/base/subprocess.h"

namespace besom::cli {
namespace {

/// Runs the script in bash as if the user had typed `words` and pressed tab
/// at the end of the last one.
std::string Complete(const std::string& words, int last) {
  CLI::App app("", "besom");
  app.add_subcommand("run", "")->add_flag("--wait,-k");
  app.add_subcommand("report", "");
  CLI::App* weights = app.add_subcommand("weights", "");
  weights->add_subcommand("list", "");
  weights->add_subcommand("import", "")->add_flag("--backbone");
  const auto outcome =
      RunProcess({"bash", "-euc",
                  BashCompletion(app) + "COMP_WORDS=(" + words +
                      "); COMP_CWORD=" + std::to_string(last) +
                      "; _besom_complete; echo \"${COMPREPLY[*]-}\""});
  return outcome.ok() ? outcome->output : outcome.status().ToString();
}

TEST(CompletionScriptTest, CompletesVerbs) {
  EXPECT_EQ(Complete("besom r", 1), "run report\n");
}

TEST(CompletionScriptTest, CompletesOptionsOfTheVerb) {
  EXPECT_EQ(Complete("besom run spec.yaml --w", 3), "--wait\n");
  EXPECT_EQ(Complete("besom report --w", 2), "\n");
}

TEST(CompletionScriptTest, CompletesVerbsWithinVerbs) {
  EXPECT_EQ(Complete("besom weights l", 2), "list\n");
  EXPECT_EQ(Complete("besom -w dir weights import --b", 5), "--backbone\n");
}

}  // namespace
}  // namespace besom::cli
