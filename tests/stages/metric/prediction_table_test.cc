#include "stages/metric/prediction_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::stages {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> kClasses = {"covid", "normal"};

TEST(PredictionTableTest, CountsSharesAndMeans) {
  const std::string table =
      PredictionTable("NORMAL", kClasses,
                      {{"a.png", std::nullopt, {0.75, 0.25}, ""},
                       {"b.png", std::nullopt, {0.25, 0.75}, ""},
                       {"c.png", std::nullopt, {0.125, 0.875}, ""},
                       {"d.png", std::nullopt, {0.375, 0.625}, ""}});
  EXPECT_EQ(table,
            "NORMAL: 4 images\n"
            "class        n  predicted    not it  mean probability\n"
            "covid        1      25.0%     75.0%            0.3750\n"
            "normal       3      75.0%     25.0%            0.6250\n");
}

TEST(PredictionTableTest, AccuracyCountsImagesWhoseClassIsKnown) {
  const std::string table =
      PredictionTable("x", kClasses,
                      {{"a.png", 0, {0.75, 0.25}, ""},
                       {"b.png", 0, {0.25, 0.75}, ""},
                       {"c.png", std::nullopt, {0.25, 0.75}, ""},
                       {"d.png", 1, {}, "not an image"}});
  EXPECT_THAT(table, HasSubstr("accuracy: 0.5000 (1 of 2)\n"));
  EXPECT_THAT(table, HasSubstr("x: 3 images\n"));
  EXPECT_THAT(table,
              HasSubstr("could not be read: 1\n  d.png: not an image\n"));
}

TEST(PredictionTableTest, NothingReadIsATableOfDashes) {
  const std::string table =
      PredictionTable("x", kClasses, {{"a", std::nullopt, {}, "no"}});
  EXPECT_THAT(table, HasSubstr("covid        0          -"));
  EXPECT_THAT(table, Not(HasSubstr("nan")));
}

TEST(PredictionTableTest, CsvQuotesOnlyWhereNeeded) {
  const std::vector<ImagePrediction> images = {
      {"a,\"b\".png", 1, {0.25, 0.75}, ""},
      {"c.png", std::nullopt, {}, "not an image"}};
  EXPECT_EQ(PredictionCsvHeader(kClasses),
            "path,predicted,probability_covid,probability_normal,actual,"
            "error\n");
  EXPECT_EQ(PredictionCsvLines(kClasses, images),
            "\"a,\"\"b\"\".png\",normal,0.25,0.75,normal,\n"
            "c.png,,,,,not an image\n");
}

TEST(PredictionTableTest, JsonIsOneObjectALine) {
  EXPECT_EQ(PredictionJson({"z", "a"},
                           {{"b\".png", 1, {0.1, 0.9}, ""},
                            {"\xFF.png", std::nullopt, {}, "not an image"}}),
            "{\"path\":\"b\\\".png\",\"predicted\":\"a\","
            "\"probabilities\":{\"z\":0.1,\"a\":0.9},\"actual\":\"a\","
            "\"error\":null}\n"
            "{\"path\":\"\uFFFD.png\",\"predicted\":null,"
            "\"probabilities\":null,\"actual\":null,"
            "\"error\":\"not an image\"}\n");
}

}  // namespace
}  // namespace besom::stages
