#include "pipeline/cli/reading/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "pipeline/cli/reading/line_chart.h"

namespace besom::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HtmlTest, EscapesMarkupQuotesControlsAndBrokenUtf8) {
  EXPECT_EQ(EscapeHtml("<script>alert('a' & \"b\")</script>"),
            "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)"
            "&lt;/script&gt;");
  EXPECT_EQ(EscapeHtml("a\x01\xFFz"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  EXPECT_EQ(EscapeHtml("caf\xC3\xA9 \xF0\x9F\xA7\xB9"),
            "caf\xC3\xA9 \xF0\x9F\xA7\xB9");
}

TEST(HtmlTest, Base64OfTheRfc) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64("\xFF\xFE\xFD"), "//79");
}

TEST(LineChartTest, DrawsEachLineWithinTheFrame) {
  const std::string svg = LineChart(
      "loss", "epoch",
      {{"train", {{0, 2}, {1, 1}, {2, 0.5}}}, {"<b>", {{0, 3}, {2, 1}}}});
  EXPECT_THAT(svg, HasSubstr("points=\"48.0,83.6 188.0,141.2 328.0,170.0 \""));
  EXPECT_THAT(svg, HasSubstr("&lt;b&gt;"));
  EXPECT_THAT(svg, Not(HasSubstr("<b>")));
}

TEST(LineChartTest, TicksTellSmallDifferencesAndWholeEpochs) {
  const std::string svg = LineChart(
      "loss", "epoch", {{"train", {{0, 1.0981}, {1, 1.0983}, {2, 1.0985}}}});
  EXPECT_THAT(svg, HasSubstr(">1.0981</text>"));
  EXPECT_THAT(svg, HasSubstr(">1.0982</text>"));
  EXPECT_THAT(svg, Not(HasSubstr(">0.5</text>")));
  EXPECT_THAT(svg, HasSubstr(">2</text>"));
}

TEST(LineChartTest, OneEpochAndValuesThatAreNoNumbers) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(LineChart("loss", "epoch", {{"train", {{0, 1}}}}),
              Not(HasSubstr("nan")));
  EXPECT_THAT(LineChart("loss", "epoch", {{"train", {{0, 1}, {1, nan}}}}),
              Not(HasSubstr("nan")));
  EXPECT_EQ(LineChart("loss", "epoch", {{"train", {{0, nan}}}}), "");
  EXPECT_EQ(LineChart("loss", "epoch", {}), "");
}

}  // namespace
}  // namespace besom::cli
