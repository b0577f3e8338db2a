#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "db/reader.h"
#include "db/results_store.h"

namespace besom::db::testing {

/// A folder of the running test, emptied before and removed after it.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  Path operator/(const std::string& name) const { return path_ / name; }
  const Path& path() const { return path_; }

 private:
  Path path_;
};

/// recall/covid on validation, then balanced_accuracy.
SweepRow SampleSweep(const std::string& name = "covid");

/// Trial number `i` with id "000...i".
TrialRow SampleTrial(int i, int fits = 1);
std::string SampleTrialId(int i);

/// One class's metrics, overall metrics and a confusion matrix per set.
struct Figures {
  std::optional<double> recall = 0.5;
  double balanced_accuracy = 0.5;
  double loss = 1;
  std::optional<double> test_recall = 0.25;
  std::optional<double> predicted_classes = {};
};
/// validation and test of one fit, with one prediction each.
FitRow SampleFit(const std::string& trial, const Figures& figures,
                 int repeat = 0, int fold = 0);

/// An image of source "cohen" in `split`; left out when `split` is empty.
ImageRow SampleImage(const std::string& path, const std::string& split);

/// `text` with U+FFFD for what is not UTF-8, as JSON needs it.
std::string ValidUtf8(const std::string& text);

/// A batch that makes those trials done.
CommitBatch Done(const std::vector<FitRow>& fits);

/// The answer to `sql`, one line a row, cells by '|', NULL as "NULL".
std::vector<std::string> Lines(const Path& database, const std::string& sql);

/// "Wal" or "Delete", for the names of tests.
std::string NameOfMode(const ::testing::TestParamInfo<JournalMode>& mode);

}  // namespace besom::db::testing

/// Runs `suite` in every journal mode.
#define INSTANTIATE_FOR_JOURNAL_MODES(suite)                      \
  INSTANTIATE_TEST_SUITE_P(                                       \
      JournalModes, suite,                                        \
      ::testing::Values(JournalMode::kWal, JournalMode::kDelete), \
      ::besom::db::testing::NameOfMode)

#define ASSERT_OK(expression)                        \
  do {                                               \
    const ::besom::Status status_ = (expression);    \
    ASSERT_TRUE(status_.ok()) << status_.ToString(); \
  } while (false)
