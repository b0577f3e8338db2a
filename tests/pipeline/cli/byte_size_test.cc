#include "pipeline/cli/byte_size.h"

#include <gtest/gtest.h>

namespace besom::cli {
namespace {

TEST(ByteSizeTest, LettersArePowersOfThousandAndWithIBOf1024) {
  EXPECT_EQ(*ParseByteSize("0"), 0u);
  EXPECT_EQ(*ParseByteSize("123"), 123u);
  EXPECT_EQ(*ParseByteSize("123B"), 123u);
  EXPECT_EQ(*ParseByteSize("3k"), 3000u);
  EXPECT_EQ(*ParseByteSize("20GB"), 20'000'000'000u);
  EXPECT_EQ(*ParseByteSize("500MiB"), 500u << 20);
  EXPECT_EQ(*ParseByteSize("1.5 TB"), 1'500'000'000'000u);
  EXPECT_EQ(*ParseByteSize("2gib"), std::uint64_t{2} << 30);
}

TEST(ByteSizeTest, OtherTextsAreRefusedWithAWord) {
  for (const char* text : {"", "GB", "5X", "-1", "1GBB", "1i", "nan", "1e3",
                           "99999999999T", "5 G B", "0x10"}) {
    const Status status = ParseByteSize(text).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalid) << text;
    EXPECT_NE(status.cure(), "") << text;
  }
}

TEST(ByteSizeTest, PeopleReadAboutThreeDigits) {
  EXPECT_EQ(ByteSizeText(0), "0 B");
  EXPECT_EQ(ByteSizeText(999), "999 B");
  EXPECT_EQ(ByteSizeText(1234), "1.23 kB");
  EXPECT_EQ(ByteSizeText(999'600), "1 MB");
  EXPECT_EQ(ByteSizeText(45'600'000'000), "45.6 GB");
  EXPECT_EQ(ByteSizeText(1'500'000'000'000'000), "1500 TB");
}

}  // namespace
}  // namespace besom::cli
