#include "pipeline/run/sweep_numerics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::run {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kGpuMachine = {
    "cuda/e-1/fp32/h100", "cpu/e-1/bf16/amx", "cpu/e-1/fp32/avx512"};
const std::vector<std::string> kCpuMachine = {"cpu/e-1/bf16/amx",
                                              "cpu/e-1/fp32/avx512"};

TEST(SweepNumericsTest, ThePreferredDeviceIsTakenAndKept) {
  SweepNumerics numerics;
  ASSERT_TRUE(numerics.Resolve("fp32", "auto", kGpuMachine).ok());
  EXPECT_EQ(numerics.TagOf("fp32"), "cuda/e-1/fp32/h100");
  // Once resolved it stays, whatever machine goes on.
  SweepNumerics again = SweepNumerics::FromText(numerics.ToText());
  EXPECT_TRUE(again.Resolve("fp32", "auto", kCpuMachine).ok());
  EXPECT_EQ(again.TagOf("fp32"), "cuda/e-1/fp32/h100");
}

TEST(SweepNumericsTest, TheUserMayChooseTheDevice) {
  SweepNumerics numerics;
  ASSERT_TRUE(numerics.Resolve("fp32", "cpu", kGpuMachine).ok());
  EXPECT_EQ(numerics.TagOf("fp32"), "cpu/e-1/fp32/avx512");
  // It cannot change under a sweep that began.
  const Status changed = numerics.Resolve("fp32", "cuda", kGpuMachine);
  EXPECT_EQ(changed.code(), StatusCode::kInvalid);
  EXPECT_THAT(changed.place(), HasSubstr("resources.device"));
  const Status missing = SweepNumerics().Resolve("fp32", "cuda", kCpuMachine);
  EXPECT_EQ(missing.code(), StatusCode::kUnavailable);
  EXPECT_THAT(missing.cause(), HasSubstr("fp32 on cuda"));
}

TEST(SweepNumericsTest, ALaterPrecisionIsOfTheSameKindOfDevice) {
  SweepNumerics numerics = SweepNumerics::FromText("cpu/e-1/fp32/avx512");
  ASSERT_TRUE(numerics.Resolve("bf16", "auto", kGpuMachine).ok());
  EXPECT_EQ(numerics.TagOf("bf16"), "cpu/e-1/bf16/amx");
  SweepNumerics gpu = SweepNumerics::FromText("cuda/e-1/fp32/h100");
  const Status missing = gpu.Resolve("bf16", "auto", kGpuMachine);
  EXPECT_EQ(missing.code(), StatusCode::kUnavailable);
  EXPECT_THAT(missing.cause(), HasSubstr("bf16 on cuda"));
}

TEST(SweepNumericsTest, AutoIsFp32OnThePreferredDevice) {
  SweepNumerics cpu;
  ASSERT_TRUE(cpu.Resolve("auto", "auto", kCpuMachine).ok());
  EXPECT_EQ(cpu.TagOf("auto"), "cpu/e-1/fp32/avx512");
  SweepNumerics gpu;
  ASSERT_TRUE(gpu.Resolve("auto", "auto", kGpuMachine).ok());
  EXPECT_EQ(gpu.TagOf("auto"), "cuda/e-1/fp32/h100");
}

TEST(SweepNumericsTest, TextKeepsAutoApartFromThePrecisionsByName) {
  SweepNumerics numerics;
  ASSERT_TRUE(numerics.Resolve("auto", "cpu", kCpuMachine).ok());
  ASSERT_TRUE(numerics.Resolve("fp32", "cpu", kCpuMachine).ok());
  ASSERT_TRUE(numerics.Resolve("bf16", "cpu", kCpuMachine).ok());
  EXPECT_EQ(numerics.ToText(),
            "auto=cpu/e-1/fp32/avx512 cpu/e-1/bf16/amx cpu/e-1/fp32/avx512");
  EXPECT_EQ(SweepNumerics::FromText(numerics.ToText()).tags(), numerics.tags());
  EXPECT_EQ(SweepNumerics::FromText("").ToText(), "");
}

}  // namespace
}  // namespace besom::run
