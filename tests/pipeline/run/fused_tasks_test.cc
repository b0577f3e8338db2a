// Tasks that one call computes: which they are, and what becomes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <semaphore>
#include <set>
#include <utility>

#include "pipeline/run/compute_thread.h"
#include "pipeline/run/scheduler.h"
#include "tests/fakes/manual_clock.h"
#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

/// Six heads on the same features, then two on others, then a task alone.
class FusedTasksTest : public ::testing::Test {
 protected:
  static constexpr TaskId kFirstOfOthers = 6, kAlone = 8;

  FusedTasksTest() {
    graph_ = testing::MakeGraph({{"a", 5, {}, "fine_tune", "", "", 0},
                                 {"b", 5, {}, "fine_tune", "", "", 0},
                                 {"c", 5, {}, "fine_tune", "", "", 0},
                                 {"d", 5, {}, "fine_tune", "", "", 0},
                                 {"e", 5, {}, "fine_tune", "", "", 0},
                                 {"f", 5, {}, "fine_tune", "", "", 0},
                                 {"g", 2, {}, "fine_tune", "", "", 1},
                                 {"h", 2, {}, "fine_tune", "", "", 1},
                                 {"i", 1, {}}});
  }

  Scheduler& Make(int ranks, int retries = 2) {
    if (one_pass_) {
      const TaskGraph nodes = std::exchange(graph_, TaskGraph());
      for (TaskId task = 0; task < nodes.size(); ++task) {
        TaskNode node = nodes[task];
        node.one_pass = node.fusion == 0;
        graph_.Add(std::move(node));
      }
    }
    SchedulerOptions options = options_;
    options.ranks.resize(static_cast<std::size_t>(ranks));
    options.max_retries = retries;
    std::vector<TaskId> all;
    for (TaskId task = 0; task < graph_.size(); ++task) all.push_back(task);
    return scheduler_.emplace(graph_, std::vector<bool>(graph_.size()), all,
                              options);
  }
  /// What is handed out now: the tasks of each call.
  std::vector<std::vector<TaskId>> HandOut(double now = 0) {
    std::vector<std::vector<TaskId>> calls;
    std::int64_t bundle = 0;
    while (const auto given = scheduler_->Next(now)) {
      if (given->bundle != bundle) calls.emplace_back();
      bundle = given->bundle;
      calls.back().push_back(given->task);
      rank_[given->task] = given->ranks.at(0);
      attempt_[given->task] = given->attempt;
    }
    return calls;
  }
  void Done(TaskId task) {
    EXPECT_EQ(scheduler_->Done(rank_[task], task, attempt_[task], 0),
              Verdict::kCounts);
  }

  TaskGraph graph_;
  bool one_pass_ = false;  ///< Of the first six.
  SchedulerOptions options_;
  std::optional<Scheduler> scheduler_;
  std::map<TaskId, int> rank_, attempt_;
};

TEST_F(FusedTasksTest, OneRankGetsAllThatGoesTogetherAndOneCallBesideIt) {
  Make(1);
  EXPECT_THAT(HandOut(),
              ElementsAre(ElementsAre(0, 1, 2, 3, 4, 5), ElementsAre(6, 7)));
  for (TaskId task = 0; task < 6; ++task) Done(task);
  EXPECT_THAT(HandOut(), ElementsAre(ElementsAre(kAlone)));
}

TEST_F(FusedTasksTest, SeveralRanksShareThem) {
  Make(2);
  const auto calls = HandOut();
  ASSERT_GE(calls.size(), 2U);
  EXPECT_THAT(calls[0], SizeIs(3));
  // Of the three that are left the second rank leaves some for the first.
  EXPECT_THAT(calls[1], SizeIs(2));
  EXPECT_NE(rank_[calls[0][0]], rank_[calls[1][0]]);
  for (const auto& call : calls)
    for (const TaskId task : call)
      EXPECT_EQ(graph_[task].fusion, graph_[call[0]].fusion);
}

TEST_F(FusedTasksTest, WhatComesFromOnePassIsNotShared) {
  one_pass_ = true;
  Make(2);
  const auto calls = HandOut();
  ASSERT_FALSE(calls.empty());
  EXPECT_THAT(calls[0], ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(FusedTasksTest, ACallHasItsLimit) {
  options_.most_fused = 4;
  Make(1);
  EXPECT_THAT(HandOut(),
              ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5)));
}

TEST_F(FusedTasksTest, WhatARankWasLostWithRunsOneByOneFromThenOn) {
  Make(2);
  const auto calls = HandOut();
  const std::set<TaskId> suspects(calls[0].begin(), calls[0].end());
  const RankLoss loss = scheduler_->RankLost(rank_[calls[0][0]]);
  EXPECT_THAT(loss.running, ::testing::UnorderedElementsAreArray(calls[0]));
  EXPECT_THAT(loss.ended, IsEmpty());
  for (std::size_t i = 1; i < calls.size(); ++i)
    if (rank_[calls[i][0]] != rank_[calls[0][0]])
      for (const TaskId task : calls[i]) Done(task);
  std::set<TaskId> seen;
  while (!scheduler_->finished()) {
    const auto next = HandOut();
    ASSERT_FALSE(next.empty());
    for (const auto& call : next) {
      for (const TaskId task : call) {
        if (suspects.contains(task)) {
          EXPECT_THAT(call, SizeIs(1));
          seen.insert(task);
        }
        Done(task);
      }
    }
  }
  EXPECT_EQ(seen, suspects);
}

TEST_F(FusedTasksTest, ATaskThatKillsItsRanksEndsWithoutItsCompanions) {
  Make(4, /*retries=*/1);
  const TaskId guilty = 1;
  std::vector<TaskId> ended;
  std::set<int> lost;
  while (!scheduler_->finished()) {
    const auto calls = HandOut();
    ASSERT_FALSE(calls.empty());
    for (const auto& call : calls) {
      if (lost.contains(rank_[call[0]])) continue;
      if (std::ranges::find(call, guilty) == call.end()) {
        for (const TaskId task : call) Done(task);
        continue;
      }
      lost.insert(rank_[guilty]);
      const RankLoss loss = scheduler_->RankLost(rank_[guilty]);
      ended.insert(ended.end(), loss.ended.begin(), loss.ended.end());
    }
  }
  EXPECT_THAT(ended, ElementsAre(guilty));
  for (TaskId task = 0; task < graph_.size(); ++task) {
    if (task != guilty) {
      EXPECT_EQ(scheduler_->state(task), TaskState::kDone) << task;
    }
  }
}

TEST_F(FusedTasksTest, ASilentRankLosesTheWholeCallAndItsAnswersCount) {
  Make(1);
  HandOut();
  const LeaseExpiry expiry = scheduler_->Expire(1000);
  EXPECT_THAT(expiry.running, UnorderedElementsAre(0, 1, 2, 3, 4, 5));
  ASSERT_THAT(expiry.held, SizeIs(2));
  EXPECT_EQ(expiry.held[0].task, kFirstOfOthers);
  for (TaskId task = 0; task < 6; ++task) Done(task);
}

TEST_F(FusedTasksTest, ALeaseIsLongerForACallOfMany) {
  options_.lease_seconds = 1;
  Make(1);
  HandOut();
  // Ten times a unit of each of the six.
  EXPECT_THAT(scheduler_->Expire(10 * 5 * 6 - 1).ranks, IsEmpty());
  EXPECT_THAT(scheduler_->Expire(10 * 5 * 6 + 1).ranks, ElementsAre(0));
}

TEST_F(FusedTasksTest, AnIdleRankMakesABusyOneGiveBackACall) {
  graph_ = testing::MakeGraph({{"long", 100, {}},
                               {"longer", 110, {}},
                               {"a", 5, {}, "fine_tune", "", "", 0},
                               {"b", 5, {}, "fine_tune", "", "", 0},
                               {"c", 5, {}, "fine_tune", "", "", 0}});
  Make(2);
  EXPECT_THAT(HandOut(), ElementsAre(ElementsAre(1), ElementsAre(0),
                                     ElementsAre(2, 3), ElementsAre(4)));
  ASSERT_NE(rank_[2], rank_[4]);
  Done(rank_[4] == rank_[0] ? 0 : 1);
  Done(4);
  const auto back = scheduler_->NextRecall();
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->ranks[0], rank_[2]);
  EXPECT_EQ(back->task, 3U);
  EXPECT_EQ(scheduler_->NextRecall(), std::nullopt);
  for (const TaskId task : {2, 3})
    scheduler_->Returned(rank_[task], task, attempt_[task], 0);
  EXPECT_THAT(HandOut()[0], ElementsAre(2));
  EXPECT_EQ(rank_[2], rank_[4]);
}

TEST_F(FusedTasksTest, WhatRunsInACallIsNotAskedBack) {
  Make(2);
  const auto calls = HandOut();
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (rank_[calls[i][0]] == 1)
      for (const TaskId task : calls[i]) Done(task);
  HandOut();
  while (const auto back = scheduler_->NextRecall()) {
    for (const TaskId task : calls[0]) EXPECT_NE(back->task, task);
  }
}

/// Answers with the names that it was given, and how many came with them.
class NamingStage final : public stages::Stage {
 public:
  std::string_view name() const noexcept override { return "naming"; }
  int version() const noexcept override { return 1; }
  Result<stages::StageOutput> Run(const stages::StageInput& input) override {
    return Named(input.params, 1);
  }
  Result<std::vector<Result<stages::StageOutput>>> RunEach(
      std::span<const stages::StageInput> inputs) override {
    inputs.front().progress(0.5);
    std::vector<Result<stages::StageOutput>> outputs;
    for (const stages::StageInput& input : inputs) {
      outputs.push_back(Named(input.params, inputs.size()));
      if (const auto prior = input.artifacts.find("prior");
          prior != input.artifacts.end() && outputs.back().ok())
        for (const Artifact& artifact : prior->second)
          outputs.back()->counters["prior"].push_back(artifact.text());
    }
    return outputs;
  }

 private:
  static Result<stages::StageOutput> Named(const Json& params,
                                           std::size_t together) {
    const std::string name = params.at("name");
    if (name == "bad")
      return Status(StatusCode::kFailed, "naming", "loss is not finite");
    stages::StageOutput output;
    output.counters = {{"name", name}, {"together", together}};
    return output;
  }
};

class FusedRequestTest : public ::testing::Test {
 protected:
  FusedRequestTest() {
    stages_.emplace("naming", std::make_unique<NamingStage>());
    request_ = Request(4, "x");
    request_.companions.push_back({5, 2, Digest(), {{"name", "bad"}}, {}});
    request_.companions.push_back({6, 3, Digest(), {{"name", "z"}}, {}});
  }
  static TaskRequest Request(TaskId task, const std::string& name) {
    TaskRequest request;
    request.task = task;
    request.attempt = 1;
    request.stage = "naming";
    request.params = {{"name", name}};
    request.hints = Json::object();
    return request;
  }

  testing::ManualClock clock_;
  BlobStore store_{WorkspaceLayout("nowhere")};
  stages::StageRegistry stages_;
  TaskRunner runner_{store_, stages_, clock_, {.host = "here"}};
  TaskRequest request_;
};

TEST_F(FusedRequestTest, EachTaskOfACallHasItsOwnReport) {
  const auto reports = runner_.Run(request_, [](double) { return false; });
  ASSERT_THAT(reports, SizeIs(3));
  EXPECT_EQ(reports[0].task, 4U);
  EXPECT_EQ(reports[0].counters.at("name"), "x");
  EXPECT_EQ(reports[0].counters.at("together"), 3);
  EXPECT_EQ(reports[1].task, 5U);
  EXPECT_EQ(reports[1].attempt, 2);
  EXPECT_EQ(reports[1].status.code(), StatusCode::kFailed);
  EXPECT_EQ(reports[2].attempt, 3);
  EXPECT_EQ(reports[2].counters.at("name"), "z");
}

TEST_F(FusedRequestTest, EachTaskReadsItsOwnPriorBlobs) {
  const WorkspaceLayout layout(Path(::testing::TempDir()) / "own-prior-blobs");
  BlobStore store(layout);
  TaskRunner runner(store, stages_, clock_, {.host = "here"});
  request_.inputs["prior"] = {store.Put("of x").value()};
  request_.companions[1].prior = {store.Put("of z").value()};
  request_.companions.push_back({7, 1, Digest(), {{"name", "none"}}, {}});
  const auto reports = runner.Run(request_, [](double) { return false; });
  ASSERT_THAT(reports, SizeIs(4));
  EXPECT_EQ(reports[0].counters.at("prior"), Json({"of x"}));
  EXPECT_EQ(reports[2].counters.at("prior"), Json({"of z"}));
  EXPECT_FALSE(reports[3].counters.contains("prior"));
  std::filesystem::remove_all(layout.root());
}

TEST_F(FusedRequestTest, TheTimeOfACallIsSharedByItsTasks) {
  const auto reports = runner_.Run(request_, [this](double) {
    clock_.now += 6;
    return false;
  });
  for (const TaskReport& report : reports) {
    EXPECT_DOUBLE_EQ(report.seconds, 2);
    EXPECT_DOUBLE_EQ(report.elapsed, 6);
  }
}

TEST_F(FusedRequestTest, AWholeCallIsReturnedWhoeverOfItIsAskedFor) {
  std::binary_semaphore begun(0), go_on(0);
  stages_.clear();
  /// Keeps the thread busy until told.
  class Waiting final : public stages::Stage {
   public:
    Waiting(std::binary_semaphore& begun, std::binary_semaphore& go_on)
        : begun_(begun), go_on_(go_on) {}
    std::string_view name() const noexcept override { return "naming"; }
    int version() const noexcept override { return 1; }
    Result<stages::StageOutput> Run(const stages::StageInput&) override {
      begun_.release();
      go_on_.acquire();
      return stages::StageOutput();
    }

   private:
    std::binary_semaphore &begun_, &go_on_;
  };
  stages_.emplace("naming", std::make_unique<Waiting>(begun, go_on));
  ComputeThread compute(runner_, [] {});
  compute.Submit({Request(1, "first"), request_});
  begun.acquire();
  EXPECT_THAT(compute.Recall(1, 1), IsEmpty());
  EXPECT_THAT(compute.Recall(5, 1), IsEmpty());  // Of another attempt.
  const auto returned = compute.Recall(5, 2);
  go_on.release();
  ASSERT_THAT(returned, SizeIs(3));
  EXPECT_EQ(returned[0].task, 4U);
  EXPECT_EQ(returned[1].attempt, 2);
  EXPECT_EQ(returned[2].task, 6U);
}

TEST_F(FusedRequestTest, ACallTellsOfItsProgressOnce) {
  std::counting_semaphore<> woken(0);
  std::size_t progress = 0, reports = 0;
  ComputeThread compute(runner_, [&] { woken.release(); });
  compute.Submit(request_);
  while (reports < 3) {
    woken.acquire();
    while (const auto message = compute.Take())
      ++(std::holds_alternative<TaskProgress>(*message) ? progress : reports);
  }
  EXPECT_EQ(progress, 1U);
}

TEST_F(FusedRequestTest, CompanionsTravelWithTheirRequest) {
  const auto back = std::get<TaskRequest>(*Decode(Encode(request_)));
  ASSERT_THAT(back.companions, SizeIs(2));
  EXPECT_EQ(back.companions[1].task, 6U);
  EXPECT_EQ(back.companions[1].attempt, 3);
  EXPECT_EQ(back.companions[1].key, request_.companions[1].key);
  EXPECT_EQ(back.companions[1].params, request_.companions[1].params);
}

}  // namespace
}  // namespace besom::run
