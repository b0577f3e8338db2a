#include "stages/model/numerics_tag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace besom::stages {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

TEST(NumericsTagTest, NamesDeviceEnginePrecisionAndInstructions) {
  const std::string tag = NumericsTag("fp32");
  EXPECT_THAT(tag, StartsWith("cpu/"));
  EXPECT_THAT(tag, EndsWith("/fp32/" + InstructionSetClass()));
  EXPECT_NE(NumericsTag("bf16"), tag);
}

TEST(NumericsTagTest, TheGpusNumberDoesNotMatter) {
  EXPECT_EQ(NumericsTag("fp32", "cuda:1"), NumericsTag("fp32", "cuda:0"));
  EXPECT_NE(NumericsTag("fp32", "cuda:1"), NumericsTag("fp32"));
}

TEST(NumericsTagTest, SettingsThatChooseKernelsArePartOfIt) {
  const std::string before = NumericsTag("fp32");
  ::setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  EXPECT_NE(NumericsTag("fp32"), before);
  ::unsetenv("ONEDNN_MAX_CPU_ISA");
  EXPECT_EQ(NumericsTag("fp32"), before);
}

}  // namespace
}  // namespace besom::stages
