#include "pipeline/cli/reading/class_report.h"

#include <gtest/gtest.h>

namespace besom::cli {
namespace {

TEST(ClassReportTest, MissingFiguresAreDashes) {
  ClassReport report;
  report.classes = {{"covid", std::nullopt, std::nullopt, std::nullopt, 0},
                    {"normal", 1.0, 0.5, 0.666, 2}};
  report.averages = {{"macro avg", 1.0, 0.5, std::nullopt, 0},
                     {"weighted avg", 1.0, 0.5, 0.666, 0}};
  report.accuracy = 0.5;
  EXPECT_EQ(ReportText(report),
            "              precision    recall  f1-score   support\n"
            "\n"
            "       covid          -         -         -         0\n"
            "      normal       1.00      0.50      0.67         2\n"
            "\n"
            "    accuracy                           0.50         2\n"
            "   macro avg       1.00      0.50         -         2\n"
            "weighted avg       1.00      0.50      0.67         2\n");
}

TEST(ClassReportTest, CountsAreLabelledAndAligned) {
  EXPECT_EQ(CountsText({"covid", "a rather long name"}, {{12, 3}, {0, 45}}),
            "                        covid  a rather long name\n"
            "             covid         12                   3\n"
            "a rather long name          0                  45\n");
}

}  // namespace
}  // namespace besom::cli
