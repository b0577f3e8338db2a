#include "pipeline/base/subprocess.h"

#include <gtest/gtest.h>

namespace besom {
namespace {

TEST(SubprocessTest, OutputExitCodeAndSignalAreReported) {
  const auto echo = RunProcess({"sh", "-c", "echo hello; exit 3"});
  ASSERT_TRUE(echo.ok());
  EXPECT_EQ(echo->output, "hello\n");
  EXPECT_EQ(echo->exit_code, 3);
  const auto killed = RunProcess({"sh", "-c", "kill -TERM $$"});
  ASSERT_TRUE(killed.ok());
  EXPECT_EQ(killed->signal, 15);
}

TEST(SubprocessTest, StandardErrorMayBePartOfTheOutput) {
  const auto both = RunProcess({"sh", "-c", "echo refused >&2; exit 1"},
                               StandardError::kInOutput);
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->output, "refused\n");
}

TEST(SubprocessTest, AMissingProgramIsAnError) {
  EXPECT_EQ(RunProcess({"no-such-program-here"}).status().code(),
            StatusCode::kNotFound);
}

}  // namespace
}  // namespace besom
