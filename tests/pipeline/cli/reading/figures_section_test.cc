#include "pipeline/cli/reading/figures_section.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "pipeline/cli/reading/set_tables.h"
#include "pipeline/run/result_rows.h"
#include "pipeline/run/trial_comparison.h"
#include "tests/db/sample_sweep.h"
#include "tests/pipeline/cli/reading/verb_runner.h"

namespace besom::cli {
namespace {

using db::testing::Done;
using db::testing::Lines;
using db::testing::SampleFit;
using db::testing::SampleImage;
using db::testing::SampleSweep;
using db::testing::SampleTrial;
using db::testing::SampleTrialId;
using db::testing::ScratchFolder;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunVerb;

/// HTML without its markup, every gap one space.
std::string PlainOf(const std::string& html) {
  const std::string text = std::regex_replace(html, std::regex("<[^>]*>"), " ");
  return std::regex_replace(text, std::regex("\\s+"), " ");
}

/// Two trials of one fit each, evaluated on validation, test and the external
/// set `away`.
class FiguresSectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const db::SweepId sweep = *store_->PutSweep(SampleSweep());
    std::vector<db::TrialRow> trials = {SampleTrial(1), SampleTrial(2)};
    for (db::TrialRow& trial : trials)
      trial.config = R"({"evaluate":{"positive":"covid"}})";
    ASSERT_OK(store_->RegisterTrials(sweep, trials));
    db::CommitBatch batch = Done({FitOf(1, 6), FitOf(2, 2)});
    batch.images = Images();
    ASSERT_OK(store_->Commit(sweep, batch));
    const auto lines = *run::CompareLeader(*Reader(), "covid");
    ASSERT_OK(store_->PutComparisons(sweep, run::ComparisonRowsOf(lines)));
  }

  static std::string Name(int i) { return fmt::format("{}.png", i); }

  /// Of eight images of each set the first `right` are told apart.
  static db::FitRow FitOf(int trial, int right) {
    db::FitRow fit = SampleFit(SampleTrialId(trial), {.recall = right / 8.0});
    fit.sets.push_back(fit.sets[0]);
    fit.sets[2].split = "away";
    for (db::SetRow& set : fit.sets) {
      set.predictions.clear();
      for (int i = 0; i < 8; ++i) {
        const bool says_covid = (i < right) == (i % 2 == 0);
        set.predictions.push_back(
            {set.split, Name(i), i % 2, says_covid ? 0 : 1,
             says_covid ? std::vector{0.75, 0.25} : std::vector{0.125, 0.875}});
      }
      for (db::MetricRow& row : set.metrics)
        if (row.name == "recall" && row.cls == "covid") {
          row.low = 0.0625;
          row.high = 0.96875;
          row.method = "wilson_groups";
          row.groups = 7;
        }
    }
    return fit;
  }

  static db::ImageTable Images() {
    db::ImageTable table;
    for (const char* set : {"train", "validation", "test", "away"})
      for (int i = 0; i < 8; ++i) {
        db::ImageRow image = SampleImage(Name(i), set);
        image.source = set;
        image.patients = "here";
        image.group = fmt::format("{}{}", set, i);
        table.images.push_back(image);
      }
    // Kept although its patient is trained on; kept although the picture is.
    table.images[24].group = "train1";
    table.images[25].duplicate_of = "train/3.png";
    const auto leave_out = [&](const char* path, const char* why) {
      db::ImageRow image = SampleImage(path, "");
      image.source = "away";
      image.left_out = why;
      table.images.push_back(image);
    };
    leave_out("o1.png", "its group is trained or validated on (here/p, as x)");
    leave_out("o2.png", "not an image that besom reads");
    leave_out("o3.png", "not an image that besom reads");
    return table;
  }

  std::string Figures() {
    const auto reader = Reader();
    const TrialRecord record = *LoadTrial(*reader, {"covid", Best()});
    return PlainOf(*FiguresSection(*reader, record));
  }
  std::string Rivals() {
    return PlainOf(*RivalsSection(*Reader(), "covid", "validation"));
  }
  /// Of what is committed by now.
  std::unique_ptr<db::Reader> Reader() { return *db::Reader::Open(path_); }
  std::string Best() {
    return Lines(path_, "SELECT trial FROM leaderboard WHERE rank = 1").at(0);
  }

  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<db::ResultsStore> store_ = *db::ResultsStore::Open(path_);
};

TEST_F(FiguresSectionTest, FiguresAreThoseOfTheView) {
  const std::string text = Figures();
  const auto rows = Lines(
      path_,
      "SELECT printf(' %s/%s %.4f %.4f %.4f %s %d ', name, class, value, low, "
      "high, method, n_groups) FROM metrics WHERE method IS NOT NULL AND trial "
      "= '" +
          Best() + "'");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_THAT(rows[0], HasSubstr(" recall/covid "));
  for (const std::string& row : rows) EXPECT_THAT(text, HasSubstr(row));
  for (const char* set : {"validation", "test", "away"})
    EXPECT_THAT(text, HasSubstr(fmt::format("95 % intervals on {} ", set)));
}

TEST_F(FiguresSectionTest, ExternalSetsAreWhatShowSays) {
  const std::string text = Figures();
  EXPECT_THAT(text, HasSubstr("what away is taken for"));
  EXPECT_THAT(text, Not(HasSubstr("what test is taken for")));
  // Of the leader's answers about eight images: covid 0, 2, 4 and 7.
  EXPECT_THAT(text, HasSubstr(" covid 4 0.5000 "));
  EXPECT_THAT(text, HasSubstr(" not covid 4 0.5000 "));
  const std::string counts =
      "away: 8 images are used; 3 are left out, 1 of them because their "
      "patient or a duplicate is trained or validated on; 2 are used although "
      "they overlap like that";
  EXPECT_THAT(text, HasSubstr(counts));
  const std::string shown =
      RunVerb(folder_.path().string(), {"show", "best"}).out;
  EXPECT_THAT(shown, HasSubstr("\n" + counts + "\n"));
  // The table's lines, but for the width of its columns.
  const std::string flat = std::regex_replace(shown, std::regex("\\s+"), " ");
  const std::size_t begin = flat.find(" covid 4 0.5000");
  EXPECT_THAT(text,
              HasSubstr(flat.substr(begin, flat.find(" 95 %", begin) - begin)));
}

TEST_F(FiguresSectionTest, ComparisonsAreThoseOfTheViewInWords) {
  const std::string text = Rivals();
  const auto rows = Lines(
      path_,
      "SELECT printf('%s on %s, %s against %s: ', metric, split, a, b) || '|' "
      "|| printf('difference %+.4f', difference) FROM comparisons");
  ASSERT_EQ(rows.size(), 2u);
  for (const std::string& row : rows) {
    const std::size_t bar = row.find('|');
    const std::size_t at = text.find(row.substr(0, bar));
    ASSERT_NE(at, std::string::npos) << row << "\n" << text;
    EXPECT_THAT(text.substr(at, 150), HasSubstr(row.substr(bar + 1)));
  }
  EXPECT_THAT(text, HasSubstr("note: trials are chosen on validation"));
}

TEST_F(FiguresSectionTest, ThePageHoldsBoth) {
  const std::string page =
      PlainOf(RunVerb(folder_.path().string(), {"report", "-o", "-"}).out);
  EXPECT_THAT(page, HasSubstr(Figures()));
  EXPECT_THAT(page, HasSubstr(Rivals()));
}

}  // namespace
}  // namespace besom::cli
