#include "pipeline/cli/reading/receipt_text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Json PairOf(const std::string& a, const std::string& b, const char* label) {
  return {{"images", {a, b}},          {"groups", {"s/p", "s/q"}},
          {"labels", {"x", label}},    {"kind", "near"},
          {"correlation", 0.9512},     {"distance", 6},
          {"different_patients", true}};
}

Json DuplicatesOf(Json pairs) {
  return {{"pictures", 1},     {"images", 2},
          {"near_pairs", 3},   {"different_patients", 4},
          {"other_labels", 5}, {"pairs", std::move(pairs)}};
}

TEST(ReceiptText, TellsAssertionsLeaksAndPairs) {
  Json exact = PairOf("s/c", "s/d", "x");
  exact["kind"] = "exact";
  exact["different_patients"] = false;
  const Json receipt = {
      {"duplicates", DuplicatesOf({exact, PairOf("s/a", "s/b", "y")})},
      {"assertions",
       {{{"assertion", "no group on two sides"},
         {"result", "fails"},
         {"figures", "3 groups, 1 on two sides"}}}},
      {"leaks", {"group s/p is in train and test"}},
      {"warnings", Json::array()}};
  const std::string text = ReceiptText(receipt, "there.json");
  EXPECT_THAT(text,
              AllOf(HasSubstr("s/c = s/d: equal\n"),
                    HasSubstr("s/a = s/b: near, correlation 0.951, hash "
                              "distance 6, different patients (s/p, s/q), "
                              "different labels (x, y): left out\n"),
                    HasSubstr("no group on two sides: fails (3 groups, 1 on "
                              "two sides)\n"),
                    HasSubstr("leaks\n  group s/p is in train and test\n"),
                    Not(HasSubstr("warnings")), Not(HasSubstr("there.json"))));
  // Those of two labels come first.
  EXPECT_LT(text.find("s/a = s/b"), text.find("s/c = s/d"));
}

TEST(ReceiptText, ManyPairsEndWithWhereTheRestIs) {
  Json pairs = Json::array();
  for (int i = 0; i < 50; ++i)
    pairs.push_back(PairOf(fmt::format("s/{}", i), "s/copy", "x"));
  const std::string text =
      ReceiptText({{"duplicates", DuplicatesOf(pairs)}}, "there.json");
  EXPECT_THAT(text, HasSubstr("and 20 more: there.json\n"));
  EXPECT_THAT(text, Not(HasSubstr("s/30 =")));
}

TEST(ReceiptText, OfNothingIsEmpty) {
  EXPECT_EQ(ReceiptText(Json::object(), "there.json"), "");
}

}  // namespace
}  // namespace besom::cli
