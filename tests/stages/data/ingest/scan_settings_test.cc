#include "stages/data/scan_settings.h"

#include <gtest/gtest.h>

namespace besom::stages {
namespace {

TEST(WildcardTest, StarsAndQuestionMarks) {
  EXPECT_TRUE(MatchesWildcard("*COVID-19*", "Pneumonia/Viral/COVID-19"));
  EXPECT_TRUE(MatchesWildcard("*COVID-19*", "COVID-19, ARDS"));
  EXPECT_FALSE(MatchesWildcard("*COVID-19", "COVID-19, ARDS"));
  EXPECT_TRUE(MatchesWildcard("P?", "PA"));
  EXPECT_FALSE(MatchesWildcard("P?", "P"));
  EXPECT_TRUE(MatchesWildcard("*", ""));
  EXPECT_TRUE(MatchesWildcard("", ""));
  EXPECT_FALSE(MatchesWildcard("", "x"));
  EXPECT_FALSE(MatchesWildcard("pa", "PA"));
  EXPECT_TRUE(MatchesWildcard("a*b*c", "aXbXbXc"));
  EXPECT_FALSE(MatchesWildcard("a*b*c", "aXbXb"));
}

TEST(WildcardTest, ManyStarsAreNotSlow) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesWildcard(pattern + "b", std::string(5000, 'a')));
}

TEST(Utf8Test, KnowsWhatIsUtf8) {
  EXPECT_TRUE(IsUtf8("R\xC3\xB6ntgen \xE2\x82\xAC \xF0\x9F\xAB\x81"));
  EXPECT_FALSE(IsUtf8("R\xF6ntgen"));
  EXPECT_FALSE(IsUtf8("\xC0\x80"));      // Overlong.
  EXPECT_FALSE(IsUtf8("\xE0\x80\x80"));  // Overlong.
  EXPECT_FALSE(IsUtf8("\xED\xA0\x80"));  // A surrogate.
  EXPECT_FALSE(IsUtf8("\xE2\x82"));      // Cut off.
  EXPECT_FALSE(IsUtf8("\xF4\x90\x80\x80"));
  EXPECT_EQ(EscapedUtf8("R\xF6ntgen"), "R\\xf6ntgen");
}

}  // namespace
}  // namespace besom::stages
