#include "pipeline/run/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/run/database_sink.h"
#include "stages/data/pixel_shard.h"
#include "stages/data/split_table.h"
#include "stages/metric/evaluation.h"
#include "tests/fakes/fake_claims.h"
#include "tests/fakes/fake_executor.h"
#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

//   ingest -- split --+-- tune_a -- eval_a
//               \     +-- tune_b -- eval_b
//              views
class CoordinatorTest : public ::testing::Test {
 protected:
  enum : TaskId {
    kScan,
    kIngest,
    kSplit,
    kViews,
    kTuneA,
    kTuneB,
    kEvalA,
    kEvalB
  };

  void SetUp() override {
    std::filesystem::remove_all(root_);
    sweep_.graph = testing::MakeGraph({{"scan", 0, {}, "scan"},
                                       {"ingest", 1, {"scan"}, "ingest"},
                                       {"split", 1, {"ingest"}, "split"},
                                       {"views", 1, {"split"}, "augment"},
                                       {"tune_a", 5, {"split"}, "fine_tune"},
                                       {"tune_b", 2, {"split"}, "fine_tune"},
                                       {"eval_a", 1, {"tune_a"}, "evaluate"},
                                       {"eval_b", 1, {"tune_b"}, "evaluate"}});
    PlannedData data;
    data.scan_task = kScan;
    data.ingest = {kIngest};
    data.split = kSplit;
    data.augment = kViews;
    sweep_.data.push_back(data);
    for (const auto& [id, tune, eval] :
         {std::tuple("aaaaaaaaaaaaaaaa", kTuneA, kEvalA),
          std::tuple("bbbbbbbbbbbbbbbb", kTuneB, kEvalB)}) {
      PlannedTrial trial;
      trial.id = id;
      trial.config = {{"name", "test"}};
      trial.fits.push_back({0, 0, tune, eval});
      sweep_.trials.push_back(trial);
    }
    results_ = *db::ResultsStore::Open(":memory:");
    id_ = *results_->PutSweep(SweepRow());
    std::vector<db::TrialRow> rows;
    for (const PlannedTrial& trial : sweep_.trials) {
      db::TrialRow& row = rows.emplace_back();
      row.trial = trial.id;
      row.ordinal = static_cast<std::int64_t>(rows.size()) - 1;
      row.parameters = Json::object();
      row.config = "{}";
    }
    ASSERT_TRUE(results_->RegisterTrials(id_, rows).ok());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  static db::SweepRow SweepRow() {
    db::SweepRow row;
    row.name = "test";
    row.metric = {"accuracy", "accuracy", "", true};
    row.split = "validation";
    return row;
  }

  /// What a task of each stage leaves behind, as the real stages would.
  TaskReport RunTask(const TaskRequest& request) {
    TaskReport report;
    report.task = request.task;
    report.attempt = request.attempt;
    if (const auto it = failures_.find(request.task);
        it != failures_.end() && it->second.second-- > 0) {
      report.status = it->second.first;
      return report;
    }
    const auto put = [&](const std::string& port, const std::string& bytes) {
      report.outputs.push_back({port, *blobs_.Put(bytes)});
    };
    put("out", request.stage + std::to_string(request.task));
    if (request.stage == "split")
      put("split", CanonicalText(stages::SplitTable().ToJson()));
    if (request.stage == "ingest")
      put("pixels", stages::PixelShard::Pack(1, {}, {}));
    if (request.stage == "augment") put("sheet", "picture");
    if (request.stage == "evaluate") {
      stages::Evaluation evaluation;
      evaluation.classes = {"x", "y"};
      put("evaluation", CanonicalText(evaluation.ToJson()));
    }
    return report;
  }

  RunOutcome Run(testing::FakeExecutor& executor,
                 CoordinatorOptions options = {}) {
    DatabaseSink sink(sweep_, id_, *results_, blobs_, clock_);
    Recorder recorder(sweep_, sink, clock_);
    EXPECT_TRUE(recorder.FindDone().ok());
    if (!recorder.outputs()[kScan]) {
      TaskReport scan;
      scan.task = kScan;
      scan.outputs = {{"out", *blobs_.Put("scan")}};
      EXPECT_TRUE(recorder.TaskDone(scan, 0).ok());
    }
    RunObserver observer;
    Coordinator coordinator(
        sweep_, executor, recorder, observer, clock_,
        [this] { return stop_requests_(); }, options);
    coordinator.SetClaims(&claims_);
    return coordinator.Run({kSplit, kViews, kEvalA, kEvalB}).value();
  }
  testing::FakeExecutor Executor(int ranks) {
    return {ranks, [this](const TaskRequest& r) { return RunTask(r); }};
  }
  std::map<std::string, db::TrialState> States() {
    std::map<std::string, db::TrialState> states;
    const auto all = results_->TrialStates(id_);
    for (const db::TrialStatus& status : all.value())
      states[status.trial.substr(0, 1)] = status.state;
    return states;
  }

  const Path root_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  SweepGraph sweep_;
  SystemClock clock_;
  BlobStore blobs_{WorkspaceLayout(root_)};
  std::unique_ptr<db::ResultsStore> results_;
  db::SweepId id_ = 0;
  std::map<TaskId, std::pair<Status, int>> failures_;
  std::function<int()> stop_requests_ = [] { return 0; };
  testing::FakeClaims claims_{clock_};
};

TEST_F(CoordinatorTest, RunsEveryTaskOnceAndRecordsTheTrials) {
  testing::FakeExecutor executor = Executor(3);
  const RunOutcome outcome = Run(executor);
  EXPECT_EQ(outcome.tasks_run, 7u);
  EXPECT_EQ(outcome.trials_done, 2u);
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_EQ(States()["a"], db::TrialState::kDone);
  EXPECT_EQ(States()["b"], db::TrialState::kDone);
}

TEST_F(CoordinatorTest, ASecondRunStartsNothing) {
  testing::FakeExecutor first = Executor(1), second = Executor(1);
  Run(first);
  const RunOutcome outcome = Run(second);
  EXPECT_THAT(second.started, ::testing::IsEmpty());
  EXPECT_EQ(outcome.trials_done, 2u);
  EXPECT_EQ(outcome.tasks_run, 0u);
}

TEST_F(CoordinatorTest, AFailedTrialLeavesTheOtherAlone) {
  failures_[kTuneA] = {Status(StatusCode::kFailed, "tune", "NaN loss"), 99};
  CoordinatorOptions options;
  options.max_failed_trials = 2;
  testing::FakeExecutor executor = Executor(1);
  const RunOutcome outcome = Run(executor, options);
  EXPECT_EQ(outcome.trials_failed, 1u);
  EXPECT_EQ(outcome.trials_done, 1u);
  EXPECT_EQ(States()["a"], db::TrialState::kFailed);
  EXPECT_EQ(States()["b"], db::TrialState::kDone);
}

TEST_F(CoordinatorTest, FailFastStopsAtTheFirstFailure) {
  failures_[kTuneA] = {Status(StatusCode::kFailed, "tune", "NaN loss"), 99};
  CoordinatorOptions options;
  options.max_failed_trials = 2;
  options.fail_fast = true;
  testing::FakeExecutor executor = Executor(1);
  const RunOutcome outcome = Run(executor, options);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(States()["b"], db::TrialState::kPending);
}

TEST_F(CoordinatorTest, AnIoErrorIsTriedAgain) {
  failures_[kTuneA] = {IoError("disk", "gone for a moment"), 1};
  testing::FakeExecutor executor = Executor(1);
  EXPECT_EQ(Run(executor).trials_done, 2u);
}

TEST_F(CoordinatorTest, TheTaskOfALostRankRunsElsewhere) {
  testing::FakeExecutor executor = Executor(2);
  executor.die_at_task.insert(kTuneA);
  const RunOutcome outcome = Run(executor);
  EXPECT_EQ(outcome.trials_done, 2u);
  EXPECT_FALSE(outcome.interrupted);
}

/// Another run waits for tune_a, which no rank here survives, and computes
/// tune_b, for which this one waits.
TEST_F(CoordinatorTest, RunsThatWaitForEachOtherGoOnWhenATaskIsGivenUp) {
  using Kind = testing::FakeClaims::Kind;
  claims_.answer = [&](TaskId task) {
    const bool waits = task == kTuneB && !claims_.released.contains(kTuneA);
    return waits ? Kind::kElsewhere : Kind::kMine;
  };
  stop_requests_ = [&] { return claims_.asked > 20 ? 1 : 0; };
  CoordinatorOptions options;
  options.max_failed_trials = 2;
  options.max_retries = 0;
  testing::FakeExecutor executor = Executor(2);
  executor.die_at_task.insert(kTuneA);
  const RunOutcome outcome = Run(executor, options);
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_EQ(outcome.trials_failed, 1u);
  EXPECT_EQ(outcome.trials_done, 1u);
  EXPECT_THAT(claims_.released, ::testing::ElementsAre(::testing::Key(kTuneA)));
}

TEST_F(CoordinatorTest, WhatCanBeTriedAgainAtOnceStaysClaimed) {
  failures_[kTuneA] = {IoError("disk", "gone for a moment"), 1};
  testing::FakeExecutor executor = Executor(2);
  EXPECT_EQ(Run(executor).trials_done, 2u);
  EXPECT_THAT(claims_.released, ::testing::IsEmpty());
}

TEST_F(CoordinatorTest, ABrokenInputIsMadeAgainInTheSameRun) {
  int reads = 0;
  testing::FakeExecutor executor(1, [&](const TaskRequest& request) {
    TaskReport report = RunTask(request);
    if (request.task != kTuneA || ++reads > 1) return report;
    report.status = CorruptError("split", "a flipped byte");
    report.broken_input = request.inputs.at("in").front();
    report.outputs.clear();
    return report;
  });
  const RunOutcome outcome = Run(executor);
  EXPECT_EQ(outcome.trials_done, 2u);
  EXPECT_FALSE(outcome.interrupted);
  std::map<TaskId, int> started;
  for (const TaskRequest& request : executor.started) ++started[request.task];
  EXPECT_EQ(started[kSplit], 2);
  EXPECT_EQ(started[kTuneA], 2);
  EXPECT_EQ(started[kIngest], 1);
}

TEST_F(CoordinatorTest, AnInputThatIsBrokenAgainAndAgainStopsTheRun) {
  testing::FakeExecutor executor(1, [&](const TaskRequest& request) {
    TaskReport report = RunTask(request);
    if (request.task != kTuneA) return report;
    report.status = CorruptError("split", "a flipped byte");
    report.broken_input = request.inputs.at("in").front();
    report.outputs.clear();
    return report;
  });
  const RunOutcome outcome = Run(executor);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_THAT(outcome.why, ::testing::HasSubstr("split"));
}

TEST_F(CoordinatorTest, OutOfMemoryATaskIsTriedAgain) {
  failures_[kTuneA] = {Status(StatusCode::kOutOfMemory, "tune", "too large"),
                       1};
  testing::FakeExecutor executor = Executor(2);
  const RunOutcome outcome = Run(executor);
  EXPECT_EQ(outcome.trials_done, 2u);
  EXPECT_EQ(outcome.trials_failed, 0u);
}

TEST_F(CoordinatorTest, AskedToStopItStartsNothingMore) {
  testing::FakeExecutor executor = Executor(1);
  stop_requests_ = [&] { return executor.started.size() >= 2 ? 1 : 0; };
  const RunOutcome outcome = Run(executor);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_THAT(executor.interrupted, ::testing::ElementsAre(0));
  EXPECT_EQ(executor.started.size(), 2u);
  testing::FakeExecutor resumed = Executor(1);
  stop_requests_ = [] { return 0; };
  EXPECT_EQ(Run(resumed).trials_done, 2u);
  EXPECT_EQ(executor.started.size() + resumed.started.size(), 7u);
}

TEST_F(CoordinatorTest, AskedTwiceItAbandonsWhatRuns) {
  testing::FakeExecutor executor = Executor(1);
  executor.hang_at_task.insert(kTuneA);
  stop_requests_ = [&] { return executor.started.size() >= 3 ? 2 : 0; };
  const RunOutcome outcome = Run(executor);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_TRUE(outcome.abandoned);
}

TEST_F(CoordinatorTest, AMissingBlobIsMadeAgain) {
  testing::FakeExecutor first = Executor(1), second = Executor(1);
  Run(first);
  // The split's table is gone: nobody needs it, as its readers are done.
  // The evaluation of trial a is gone: it alone is computed again.
  const std::string key = sweep_.graph[kEvalA].key.Hex();
  const auto action = results_->FindAction(key);
  for (const db::BlobRow& blob : action.value()->blobs)
    std::filesystem::remove(
        blobs_.layout().blob(Digest::FromHex(blob.digest).value()));
  const RunOutcome outcome = Run(second);
  EXPECT_THAT(second.started, ::testing::SizeIs(::testing::Ge(1u)));
  EXPECT_EQ(outcome.trials_done, 2u);
}

}  // namespace
}  // namespace besom::run
