#include "pipeline/cli/reading/audit_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

AuditFinding Finding(const std::string& probe, std::optional<bool> alarm,
                     const std::string& a = "covid",
                     const std::string& b = "normal") {
  AuditFinding finding;
  finding.probe = probe;
  finding.class_a = a;
  finding.class_b = b;
  finding.balanced_accuracy = 0.93;
  finding.low = 0.88;
  finding.high = 0.97;
  finding.bound = alarm.value_or(true) ? 0.8 : 0.4;
  finding.chance = a.empty() ? 1.0 / 3 : 0.5;
  if (!alarm) return finding;
  finding.alarm = alarm;
  finding.model = "0123456789abcdef";
  finding.model_split = "test";
  finding.model_value = 0.95;
  return finding;
}

TEST(AuditWordsTest, AnAlarmNamesWhatIsSeenTheFiguresAndTheRisk) {
  EXPECT_EQ(FindingText(Finding("ring", true)),
            "An alarm: the border of the image alone tells covid from normal "
            "with balanced accuracy 0.93 (0.88-0.97), the best model 0.95 on "
            "test: the model may read the frame, not the lung");
}

TEST(AuditWordsTest, WithoutAModelItSaysSoAndWhatChanceIs) {
  EXPECT_EQ(FindingText(Finding("ring", std::nullopt)),
            "the border of the image alone tells covid from normal with "
            "balanced accuracy 0.93 (0.88-0.97), chance is 0.50; there is no "
            "model to compare with yet");
}

TEST(AuditWordsTest, TheCardOfAModelHoldsTheLines) {
  AuditFindings findings;
  EXPECT_EQ(AuditCard(findings, "0123456789abcdef"), "Not run.\n");
  findings.rows = {Finding("ring", true)};
  findings.own_sources = {{"covid", "cohen", 317, 317}};
  const std::string card = AuditCard(findings, "0123456789abcdef");
  EXPECT_THAT(card, HasSubstr("\n- An alarm: the border of the image alone "));
  EXPECT_THAT(card, HasSubstr("\n- All 317 images of covid come from cohen"));
  EXPECT_THAT(card, ::testing::Not(HasSubstr("not this one")));
  EXPECT_THAT(AuditCard(findings, "fedcba9876543210"),
              HasSubstr("best model is trial `0123456789abcdef` of the sweep, "
                        "not this one"));
}

TEST(AuditWordsTest, EachThingIsSaidOnce) {
  AuditFindings findings;
  findings.rows = {Finding("facts", true, "", ""), Finding("facts", true),
                   Finding("file", true, "", ""),  Finding("file", true),
                   Finding("ring", true, "", ""),  Finding("ring", false),
                   Finding("blur", false)};
  findings.own_sources = {{"covid", "cohen", 86, 86}};
  EXPECT_THAT(
      AuditLines(findings),
      ElementsAre(HasSubstr("the file's size, aspect, mode and format alone "
                            "tell covid from normal"),
                  HasSubstr("the border of the image alone tells the classes "
                            "apart"),
                  StartsWith("All 86 images of covid come from cohen, which "
                             "holds no other class")));
}

// Equal files of two sources: only the name of the source tells.
TEST(AuditWordsTest, AnAlarmOfTheSourceAloneIsNotLost) {
  AuditFindings findings;
  findings.rows = {Finding("facts", true), Finding("file", false)};
  findings.own_sources = {{"covid", "cohen", 40, 86}};
  EXPECT_THAT(AuditLines(findings),
              ElementsAre(StartsWith("An alarm: the file's source"),
                          StartsWith("40 of 86 images of covid come from")));
}

TEST(AuditWordsTest, NothingFoundIsSaidAndNoAuditIsNot) {
  AuditFindings findings;
  EXPECT_THAT(AuditLines(findings), IsEmpty());
  findings.rows = {Finding("ring", false)};
  findings.rows[0].bound = 0.6;
  EXPECT_THAT(AuditLines(findings),
              ElementsAre(HasSubstr("less than half of what the best model")));
  findings.rows[0].bound = 0.4;
  EXPECT_THAT(AuditLines(findings), ElementsAre(HasSubstr("beyond chance")));
}

}  // namespace
}  // namespace besom::cli
