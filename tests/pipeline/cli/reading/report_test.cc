#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "pipeline/store/workspace_layout.h"
#include "tests/db/sample_sweep.h"
#include "tests/pipeline/cli/reading/verb_runner.h"

namespace besom::cli {
namespace {

using db::testing::Done;
using db::testing::SampleFit;
using db::testing::SampleImage;
using db::testing::SampleSweep;
using db::testing::SampleTrial;
using db::testing::SampleTrialId;
using db::testing::ScratchFolder;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Outcome;
using testing::RunVerb;

constexpr char kHostile[] =
    "<script>alert('x')</script>\"&\n\xF0\x9F\xA7\xB9 \xFF; DROP TABLE t --";

class ReportTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  std::unique_ptr<db::ResultsStore> store_ =
      *db::ResultsStore::Open(folder_ / "besom.db");
  const Path file_ = folder_ / "report.html";

  /// A finished sweep in which every text that a user chooses is `text`.
  void AddSweep(const std::string& text) {
    const db::SweepId sweep = *store_->PutSweep(SampleSweep(text));
    db::TrialRow trial = SampleTrial(1);
    trial.parameters = {{"axis", "plain"}};
    trial.parameters[db::testing::ValidUtf8(text)] =
        db::testing::ValidUtf8(text);
    trial.backbone = text;
    db::TrialRow failed = SampleTrial(2);
    ASSERT_OK(store_->RegisterTrials(sweep, {trial, failed}));
    db::FitRow fit = SampleFit(trial.trial, {});
    fit.classes[1] = text;
    fit.sets[1].split = text;
    for (db::SetRow& set : fit.sets) {
      for (db::PredictionRow& row : set.predictions) row.path = text;
      for (db::MetricRow& row : set.metrics) {
        if (row.cls == "normal") row.cls = text;
      }
    }
    db::CommitBatch batch = Done({fit});
    batch.trials.push_back({failed.trial, db::TrialState::kFailed, text});
    db::ImageRow image = SampleImage(text, "train");
    image.source = image.label = image.group = text;
    batch.images = db::ImageTable{1, {image, SampleImage("c.png", "")}};
    batch.images->images[1].left_out = text;
    db::AuditRow ring{"ring", true, "covid", text};
    ring.balanced_accuracy = 0.9;
    ring.bound = 0.8;
    ring.chance = 0.5;
    batch.audit = db::AuditTable{ring};
    ASSERT_OK(store_->Commit(sweep, batch));
  }
  Outcome Run(const std::vector<std::string>& arguments) {
    return RunVerb(folder_.path().string(), arguments);
  }
};

TEST_F(ReportTest, HoldsEverySectionAndNothingFromOutside) {
  AddSweep("chest");
  ASSERT_OK(WriteFileAtomic(folder_ / "sheet.png", "\x89PNG\r\nrest"));
  const Outcome outcome =
      Run({"report", "-o", file_.string(), "--contact-sheet",
           (folder_ / "sheet.png").string()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, file_.string() + "\n");
  const std::string page = *ReadFile(file_);
  for (const char* part :
       {"Best trial", "Leaderboard", "Learning curves", "Shortcut audit",
        "the border of the image alone tells covid from chest", "Data",
        "Left out", "Augmented views", "Failed trials", "Classification report",
        "<svg class=chart", "table class=matrix", "data:image/png;base64,",
        "prefers-color-scheme: dark"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  EXPECT_THAT(page, Not(HasSubstr("http:")));
  EXPECT_THAT(page, Not(HasSubstr("https:")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  EXPECT_THAT(page, Not(HasSubstr("@import")));
}

TEST_F(ReportTest, ShowsTheContactSheetOfTheWorkspace) {
  AddSweep("chest");
  EXPECT_THAT(Run({"report", "-o", "-"}).out, Not(HasSubstr("<img")));
  const WorkspaceLayout layout(folder_.path());
  ASSERT_OK(WriteFileAtomic(layout.contact_sheet("chest"), "\x89PNG\r\nrest"));
  EXPECT_THAT(Run({"report", "-o", "-"}).out, HasSubstr("<img"));
}

TEST_F(ReportTest, HostileNamesStayText) {
  AddSweep(kHostile);
  ASSERT_EQ(Run({"report", "-o", file_.string()}).code, 0);
  const std::string page = *ReadFile(file_);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("\xFF")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)"));
  // Every attribute's value stays within its quotes.
  EXPECT_FALSE(std::regex_search(page, std::regex("aria-label=\"[^\"]*<")));
}

TEST_F(ReportTest, HostileNamesInTheOtherVerbs) {
  AddSweep(kHostile);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"status"},
        {"best"},
        {"show", "best"},
        {"compare", "best", SampleTrialId(2)},
        {"compare", "--by", "axis"}}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.code, 0) << arguments[0] << outcome.err;
    EXPECT_THAT(outcome.out, Not(HasSubstr("&\n"))) << arguments[0];
  }
  const Outcome csv = Run(
      {"query", "SELECT label FROM images ORDER BY label DESC", "-f", "csv"});
  EXPECT_THAT(csv.out, HasSubstr("\"<script>alert('x')</script>\"\"&\n"));
  const Outcome json = Run({"query", "SELECT * FROM images", "-f", "json"});
  EXPECT_EQ(Json::parse(json.out).size(), 2u);
}

TEST_F(ReportTest, AnUnfinishedSweepHasAReport) {
  const db::SweepId sweep = *store_->PutSweep(SampleSweep());
  ASSERT_OK(store_->RegisterTrials(sweep, {SampleTrial(1)}));
  const Outcome outcome = Run({"report", "-o", "-"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("No trial is ranked yet"));
}

TEST_F(ReportTest, AWrongContactSheetWritesNothing) {
  AddSweep("chest");
  ASSERT_OK(WriteFileAtomic(folder_ / "sheet.png", "GIF89a"));
  const Outcome outcome =
      Run({"report", "-o", file_.string(), "--contact-sheet",
           (folder_ / "sheet.png").string()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("no PNG file"));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

}  // namespace
}  // namespace besom::cli
