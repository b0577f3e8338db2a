#include "pipeline/cli/machine/machine_verbs.h"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>

#include "tests/pipeline/cli/machine/image_tree.h"

namespace besom::cli {
namespace {

using ::testing::HasSubstr;

class MachineVerbsTest : public besom::testing::ImageTree {
 protected:
  MachineVerbsTest() {
    AddDoctorVerb(app_, globals_, action_);
    AddEnvVerb(app_, action_);
    AddWeightsVerb(app_, action_);
    AddInitVerb(app_, action_);
    AddCompletionVerb(app_, action_);
    AddLauncherVerbs(app_, action_);
    app_.require_subcommand(1);
  }

  /// Parses a command line and runs its verb; output_ is what it printed.
  int Run(const std::string& command) {
    app_.parse(command);
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = action_();
    output_ = ::testing::internal::GetCapturedStdout();
    errors_ = ::testing::internal::GetCapturedStderr();
    return code;
  }

  CLI::App app_{"", "besom"};
  GlobalOptions globals_;
  VerbAction action_;
  std::string output_, errors_;
};

TEST_F(MachineVerbsTest, InitWritesOnceAndNeverOverwrites) {
  Put("a/1.jpg");
  Put("b/1.jpg");
  const std::string file = (root_ / "sweep.yaml").string();
  const std::string command = "init " + root_.string() + " -o " + file;
  EXPECT_EQ(Run(command), 0) << errors_;
  EXPECT_THAT(output_, HasSubstr("besom run " + file));
  Put("sweep.yaml", "mine");
  EXPECT_EQ(Run(command), 2);
  EXPECT_EQ(std::filesystem::file_size(file), 4u);
}

TEST_F(MachineVerbsTest, InitOfNothingWritesNothing) {
  const std::string file = (root_ / "sweep.yaml").string();
  EXPECT_EQ(Run("init " + root_.string() + " -o " + file), 2);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(output_, "");
  EXPECT_THAT(errors_, HasSubstr("folder per class"));
}

TEST_F(MachineVerbsTest, FetchKnowsItsNamesBeforeItAsksAnybody) {
  EXPECT_EQ(Run("weights fetch vgg17"), 2);
  EXPECT_THAT(errors_, HasSubstr("besom weights list"));
}

TEST_F(MachineVerbsTest, LauncherVerbsSayWhoDoesThem) {
  EXPECT_EQ(Run("demo"), 2);
  EXPECT_THAT(errors_, HasSubstr("launcher"));
}

TEST_F(MachineVerbsTest, CompletionKnowsAllVerbs) {
  EXPECT_EQ(Run("completion bash"), 0);
  EXPECT_THAT(output_, HasSubstr("doctor env weights init completion demo"));
  EXPECT_EQ(Run("completion zsh"), 0);
  EXPECT_THAT(output_, HasSubstr("bashcompinit"));
}

TEST_F(MachineVerbsTest, DoctorLooksAtTheUsualWorkspace) {
  ::setenv("BESOM_WORKSPACE", (root_ / "usual").c_str(), 1);
  Run("doctor");
  EXPECT_THAT(output_, HasSubstr((root_ / "usual").string()));
  ::unsetenv("BESOM_WORKSPACE");
  Run("doctor");
  EXPECT_THAT(output_, HasSubstr("/besom-runs"));
}

TEST_F(MachineVerbsTest, DoctorSaysWhenTheWorkerIsMissing) {
  ::setenv("BESOM_WORKER", (root_ / "none").c_str(), 1);
  globals_.workspace = (root_ / "runs").string();
  EXPECT_EQ(Run("doctor --json"), 4);
  ::unsetenv("BESOM_WORKER");
  EXPECT_THAT(output_, HasSubstr("\"workspace\""));
  EXPECT_FALSE(std::filesystem::exists(root_ / "runs"));
}

}  // namespace
}  // namespace besom::cli
