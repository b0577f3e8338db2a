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
  for (const char* name : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
                           "OV_CPU_MAX_ISA", "ONEDNN_CPU_ISA_HINTS"}) {
    ::setenv(name, "AVX2", 1);
    EXPECT_NE(NumericsTag("fp32"), before) << name;
    ::unsetenv(name);
    EXPECT_EQ(NumericsTag("fp32"), before);
  }
}

TEST(NumericsTagTest, AutoIsBf16WhereItIsNative) {
  EXPECT_EQ(ResolvePrecision("fp32", "cpu"), "fp32");
  EXPECT_EQ(ResolvePrecision("bf16", "cpu"), "bf16");
  EXPECT_EQ(ResolvePrecision("auto", "cpu"),
            CheckPrecision("bf16", "cpu").ok() ? "bf16" : "fp32");
  EXPECT_EQ(ResolvePrecision("auto", "cuda:0"), "fp32");
  ::setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE", 1);
  EXPECT_EQ(ResolvePrecision("auto", "cpu"), "fp32");
  EXPECT_EQ(CheckPrecision("bf16", "cpu").code(), StatusCode::kUnavailable);
  EXPECT_EQ(InstructionSetClass("bf16"), InstructionSetClass("fp32"));
  ::unsetenv("ONEDNN_MAX_CPU_ISA");
}

TEST(NumericsTagTest, AmxAndAvx512AreDifferentClassesOfBf16) {
  if (InstructionSetClass("bf16") != "amx") GTEST_SKIP() << "no AMX here";
  ::setenv("ONEDNN_MAX_CPU_ISA", "avx512_core_bf16", 1);
  EXPECT_EQ(InstructionSetClass("bf16"), "avx512_bf16");
  ::unsetenv("ONEDNN_MAX_CPU_ISA");
}

}  // namespace
}  // namespace besom::stages
