#include "pipeline/run/task_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>

#include "cluster/group_threads.h"
#include "pipeline/run/scheduler.h"
#include "tests/fakes/manual_clock.h"
#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

/// Copies what it reads.
class CopyStage final : public stages::Stage {
 public:
  std::string_view name() const noexcept override { return "copy"; }
  int version() const noexcept override { return 1; }
  Result<stages::StageOutput> Run(const stages::StageInput& input) override {
    stages::StageOutput output;
    for (const Artifact& artifact : input.artifacts.at("in"))
      output.blobs["out"] += artifact.text();
    return output;
  }
};

/// Inputs that another machine has stored, on a network file system.
class LateInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(layout_.root());
    stages_.emplace("copy", std::make_unique<CopyStage>());
    request_.task = 0;
    request_.attempt = 1;
    request_.stage = "copy";
    request_.params = Json::object();
    request_.hints = Json::object();
    for (const std::string bytes : {"a", "b", "c"})
      request_.inputs["in"].push_back(
          {DigestOf(std::string_view(bytes)), bytes.size()});
  }
  void TearDown() override { std::filesystem::remove_all(layout_.root()); }

  void Sleep(double seconds) {
    clock_.now += seconds;
    if (clock_.now < appears_at_) return;
    for (const std::string bytes : {"a", "b", "c"})
      ASSERT_TRUE(BlobStore(layout_).Put(bytes).ok());
  }
  TaskReport Run(const std::function<bool(double)>& progress) {
    TaskRunner runner(store_, stages_, clock_, {.host = "host"});
    return runner.Run(request_, progress).at(0);
  }

  const WorkspaceLayout layout_{
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name()};
  testing::ManualClock clock_;
  BlobStore store_{
      layout_, DiskCalls::System(),
      Patience{60, &clock_, [this](double seconds) { Sleep(seconds); }}};
  stages::StageRegistry stages_;
  TaskRequest request_;
  double appears_at_ = 1e9;
};

TEST_F(LateInputTest, WhatAppearsInTimeIsUsed) {
  appears_at_ = 100 + 45;
  const TaskReport report = Run([](double) { return false; });
  ASSERT_TRUE(report.status.ok()) << report.status.ToString();
  EXPECT_FALSE(report.broken_input.has_value());
  EXPECT_EQ(store_.Get(report.outputs[0].blob)->text(), "abc");
}

TEST_F(LateInputTest, WhatDoesNotIsToldAfterOneWaitForAll) {
  const TaskReport report = Run([](double) { return false; });
  EXPECT_EQ(report.status.code(), StatusCode::kNotFound);
  EXPECT_EQ(report.broken_input, request_.inputs["in"][0]);
  EXPECT_NEAR(clock_.now, 160, 1e-9);
}

TEST_F(LateInputTest, TheWaitEndsWhenTheTaskIsInterrupted) {
  const TaskReport report = Run([&](double) { return clock_.now > 105; });
  EXPECT_EQ(report.status.code(), StatusCode::kInterrupted);
  EXPECT_FALSE(report.broken_input.has_value());
  EXPECT_LT(clock_.now, 106);
}

/// A rank that waits longer than its lease is not taken for hung.
TEST_F(LateInputTest, TheWaitRenewsTheLease) {
  const TaskGraph graph = testing::MakeGraph({{"copy", 1, {}}});
  SchedulerOptions options;
  options.lease_seconds = 5;
  Scheduler scheduler(graph, {false}, {0}, options);
  const auto given = scheduler.Next(clock_.now);
  ASSERT_TRUE(given.has_value());
  std::size_t expired = 0;
  const TaskReport report = Run([&](double) {
    expired += scheduler.Expire(clock_.now).ranks.size();
    scheduler.Renew(0, given->task, given->attempt, clock_.now);
    return false;
  });
  expired += scheduler.Expire(clock_.now).ranks.size();
  // The graph's unit makes it ten seconds.
  EXPECT_GT(clock_.now - 100, 5 * 10);
  EXPECT_EQ(expired, 0u);
}

/// Has no memory for what it is to do.
class ThrowingStage final : public stages::Stage {
 public:
  std::string_view name() const noexcept override { return "throwing"; }
  int version() const noexcept override { return 1; }
  Result<stages::StageOutput> Run(const stages::StageInput&) override {
    throw std::bad_alloc();
  }
};

/// Two ranks that compute a task together; this one does not get to it.
class LeftAloneTest : public ::testing::Test {
 protected:
  LeftAloneTest() {
    stages_.emplace("throwing", std::make_unique<ThrowingStage>());
    request_.stage = "throwing";
    request_.params = {{"shards", 2}};
    request_.hints = Json::object();
    request_.ranks = {0, 1};
  }

  /// What the other member is told that waits for this one.
  Status OthersWait() {
    const std::unique_ptr<cluster::Group> other = threads_.Join(0);
    const Result<int> bucket = other->AddBucket(4);
    if (!bucket.ok()) return bucket.status();
    if (Status status = other->Start(*bucket); !status.ok()) return status;
    return other->Wait(*bucket, 60);
  }

  cluster::GroupThreads threads_{2, 2};
  testing::ManualClock clock_;
  BlobStore store_{WorkspaceLayout("nowhere")};
  stages::StageRegistry stages_;
  TaskRequest request_;
  TaskRunner runner_{store_,
                     stages_,
                     clock_,
                     {.host = "host", .join = [this](const TaskRequest&, int) {
                        return threads_.Join(1);
                      }}};
};

TEST_F(LeftAloneTest, AnExceptionIsToldToTheOthers) {
  const auto reports = runner_.Run(request_, [](double) { return false; });
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].status.code(), StatusCode::kOutOfMemory);
  EXPECT_THAT(OthersWait().ToString(), ::testing::HasSubstr("throwing"));
}

TEST_F(LeftAloneTest, SoIsAStopBeforeTheTaskIsBegun) {
  const auto reports = runner_.Decline(request_);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].status.code(), StatusCode::kInterrupted);
  EXPECT_THAT(OthersWait().ToString(), ::testing::HasSubstr("asked to stop"));
}

/// Counts to four, a step at a time, and then ends as it is told.
class CountingStage final : public stages::Stage {
 public:
  std::string_view name() const noexcept override { return "counting"; }
  int version() const noexcept override { return 1; }
  Result<stages::StageOutput> Run(const stages::StageInput& input) override {
    steps = 0;
    std::string done = input.checkpoint->Load().value_or("");
    while (done.size() < 4) {
      done += '+';
      ++steps;
      if (input.checkpoint->Due(stages::Checkpoint::Moment::kEpoch))
        input.checkpoint->Save(done);
      if (input.progress(static_cast<double>(done.size()) / 4))
        return Status(StatusCode::kInterrupted, "counting", "asked to stop");
    }
    if (!end.ok()) return end;
    stages::StageOutput output;
    output.blobs["out"] = done + input.params.dump();
    return output;
  }

  Status end;
  int steps = 0;  // Of the last run.
};

class CheckpointedTaskTest : public ::testing::Test {
 protected:
  CheckpointedTaskTest() {
    auto stage = std::make_unique<CountingStage>();
    stage_ = stage.get();
    stages_.emplace("counting", std::move(stage));
    request_.key = DigestOf(std::string_view("a task"));
    request_.stage = "counting";
    request_.params = Json::object();
    request_.hints = Json::object();
    request_.companions = {{.task = 1,
                            .key = DigestOf(std::string_view("another")),
                            .params = {{"a", 1}},
                            .prior = {}}};
    std::filesystem::remove_all(layout_.root());
  }
  ~CheckpointedTaskTest() override {
    std::filesystem::remove_all(layout_.root());
  }

  /// Another process each time.
  std::vector<TaskReport> Run(double stop_after = 2,
                              double checkpoint_seconds = 0) {
    TaskRunner runner(store_, stages_, clock_, {.host = "host"});
    RunBegins run{.run = "run"};
    run.checkpoint_seconds = checkpoint_seconds;
    runner.Begin(run, 0);
    return runner.Run(request_,
                      [=](double share) { return share > stop_after; });
  }
  bool HasCheckpoint(const Digest& key) const {
    return std::filesystem::exists(layout_.checkpoint(key));
  }

  const WorkspaceLayout layout_{
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name()};
  testing::ManualClock clock_;
  BlobStore store_{layout_};
  stages::StageRegistry stages_;
  CountingStage* stage_ = nullptr;
  TaskRequest request_;
};

TEST_F(CheckpointedTaskTest, TheNextAttemptGoesOnAndLeavesNothing) {
  EXPECT_EQ(Run(0.6).at(0).status.code(), StatusCode::kInterrupted);
  EXPECT_TRUE(HasCheckpoint(request_.key));
  const auto reports = Run();
  ASSERT_EQ(reports.size(), 2U);
  for (const TaskReport& report : reports)
    EXPECT_TRUE(report.status.ok()) << report.status.ToString();
  EXPECT_EQ(store_.Get(reports[0].outputs[0].blob)->text(), "++++{}");
  EXPECT_EQ(store_.Get(reports[1].outputs[0].blob)->text(), "++++{\"a\":1}");
  EXPECT_FALSE(HasCheckpoint(request_.key));
  EXPECT_FALSE(HasCheckpoint(request_.companions[0].key));
}

TEST_F(CheckpointedTaskTest, EachTaskHasItsOwn) {
  request_.companions.clear();
  Run(0.6);
  std::swap(request_.key, request_.companions.emplace_back().key);
  request_.companions.clear();
  Run();
  EXPECT_EQ(stage_->steps, 4);
}

TEST_F(CheckpointedTaskTest, OneIsKeptWhereAnotherAttemptMayEndBetter) {
  request_.companions.clear();
  stage_->end = IoError("disk", "full");
  Run();
  EXPECT_TRUE(HasCheckpoint(request_.key));
  stage_->end = Status(StatusCode::kFailed, "counting", "the loss is NaN");
  Run();
  EXPECT_EQ(stage_->steps, 0);
  EXPECT_FALSE(HasCheckpoint(request_.key));
}

TEST_F(CheckpointedTaskTest, TheRunSaysHowOftenThereIsOne) {
  request_.companions.clear();
  Run(0.6, 60);
  EXPECT_FALSE(HasCheckpoint(request_.key));
}

}  // namespace
}  // namespace besom::run
