#include "stages/model/numerics_tag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

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

TEST(NumericsTagTest, TheEngineIsNamedWithoutItsVersion) {
  EXPECT_EQ(EngineOf("cpu/openvino-2026.4.1/fp32/avx512"), "openvino");
  EXPECT_EQ(EngineOf("cuda/libtorch-2.15.0/fp32/nvidia-h100"), "libtorch");
  EXPECT_EQ(EngineOf("nonsense"), "");
}

TEST(NumericsTagTest, TheGpuIsOfferedFirstAndTheCpusLibTorchLast) {
  std::vector<std::string> offered = OfferedNumerics("NVIDIA H100");
  EXPECT_EQ(offered.front(), NumericsTag("fp32", "cuda", "NVIDIA H100"));
  offered.erase(offered.begin());
  EXPECT_EQ(offered, OfferedNumerics(""));
  // OpenVINO's comes first where it is there.
  EXPECT_EQ(offered.front(), NumericsTag("fp32"));
  // "none" in a build without engines.
  const auto libtorch = std::ranges::find_if(
      offered, [](const auto& tag) { return EngineOf(tag) != "openvino"; });
  ASSERT_NE(libtorch, offered.end());
  for (auto tag = offered.begin(); tag != offered.end(); ++tag) {
    EXPECT_EQ(DeviceKindOf(*tag), "cpu");
    if (tag == libtorch) continue;
    // Behind LibTorch's there is only the precision that has to be asked for.
    EXPECT_EQ(EngineOf(*tag), "openvino");
    EXPECT_EQ(PrecisionOf(*tag), tag < libtorch ? "fp32" : "bf16");
  }
}

}  // namespace
}  // namespace besom::stages
