#include "pipeline/cli/reading/table_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace besom::cli {
namespace {

const db::Table kTable = {
    {"name", "n", "x"},
    {{"plain", std::int64_t{7}, 0.1},
     {"a \"quoted\", one\nof two lines", std::int64_t{-1234}, {}},
     {"\xE8\x82\xBA|<b>", {}, 1.0}}};

TEST(TableTextTest, CsvQuotesOnlyWhereNeeded) {
  EXPECT_EQ(FormatTable(kTable, TableFormat::kCsv),
            "name,n,x\n"
            "plain,7,0.1\n"
            "\"a \"\"quoted\"\", one\nof two lines\",-1234,\n"
            "\xE8\x82\xBA|<b>,,1.0\n");
}

TEST(TableTextTest, CsvTellsEmptyTextFromNull) {
  const db::Table table = {{"a", "b,"}, {{"", {}}, {" ", "\r"}}};
  EXPECT_EQ(FormatTable(table, TableFormat::kCsv),
            "a,\"b,\"\n\"\",\n ,\"\r\"\n");
}

TEST(TableTextTest, CsvRealsReadBackEqual) {
  const double third = 1.0 / 3;
  const std::string csv = FormatTable({{"x"}, {{third}}}, TableFormat::kCsv);
  EXPECT_EQ(std::stod(csv.substr(2)), third);
  EXPECT_EQ(FormatTable({{"x"}, {{std::numeric_limits<double>::infinity()}}},
                        TableFormat::kCsv),
            "x\nInf\n");
}

TEST(TableTextTest, JsonIsAListOfObjectsInColumnOrder) {
  EXPECT_EQ(FormatTable(kTable, TableFormat::kJson),
            "[\n"
            "{\"name\": \"plain\", \"n\": 7, \"x\": 0.1},\n"
            "{\"name\": \"a \\\"quoted\\\", one\\nof two lines\", \"n\": -1234,"
            " \"x\": null},\n"
            "{\"name\": \"\xE8\x82\xBA|<b>\", \"n\": null, \"x\": 1.0}\n"
            "]\n");
  EXPECT_EQ(FormatTable({{"a"}, {}}, TableFormat::kJson), "[]\n");
  EXPECT_EQ(FormatTable({{"a"}, {{"\xFF"}}}, TableFormat::kJson),
            "[\n{\"a\": \"\xEF\xBF\xBD\"}\n]\n");
}

TEST(TableTextTest, TableAlignsByCharacterAndHidesControlCharacters) {
  EXPECT_EQ(FormatTable(kTable, TableFormat::kTable),
            "name                               n    x\n"
            "-----------------------------  -----  ---\n"
            "plain                              7  0.1\n"
            "a \"quoted\", one\\nof two lines  -1234    -\n"
            "\xE8\x82\xBA|<b>                              -    1\n");
}

TEST(TableTextTest, MarkdownKeepsCellsInTheirColumns) {
  EXPECT_EQ(
      FormatTable({{"a|b", "c"}, {{"x|y", "1\n2"}}}, TableFormat::kMarkdown),
      "| a\\|b | c |\n|---|---|\n| x\\|y | 1\\n2 |\n");
}

}  // namespace
}  // namespace besom::cli
