#include "pipeline/base/status.h"

#include <gtest/gtest.h>

#include "pipeline/base/result.h"

namespace besom {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0)
    return InvalidError("n", "is odd", "pass an even number");
  return number / 2;
}

Result<int> Quarter(int number) {
  BESOM_ASSIGN_OR_RETURN(const int half, Half(number));
  return Half(half);
}

TEST(StatusTest, ErrorsTravelWithPlaceCauseAndCure) {
  EXPECT_EQ(*Quarter(8), 2);
  const Status status = Quarter(6).status().Within("quarter");
  EXPECT_EQ(status.code(), StatusCode::kInvalid);
  EXPECT_EQ(status.ToString(),
            "quarter: n: is odd\n  cure: pass an even number");
}

TEST(StatusTest, ExitCodesAreTheDocumentedOnes) {
  EXPECT_EQ(ExitCodeOf(Status::Ok()), 0);
  EXPECT_EQ(ExitCodeOf(InvalidError("", "x")), 2);
  EXPECT_EQ(ExitCodeOf(Status(StatusCode::kInterrupted, "", "x")), 3);
  EXPECT_EQ(ExitCodeOf(Status(StatusCode::kUnavailable, "", "x")), 4);
  EXPECT_EQ(ExitCodeOf(InternalError("", "x")), 70);
}

}  // namespace
}  // namespace besom
