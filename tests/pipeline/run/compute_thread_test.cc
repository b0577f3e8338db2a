// What a rank does with a GPU that it shares, and how it answers.
#include "pipeline/run/compute_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kTag[] = "cuda/e/fp32/h100";

/// Logs what it is asked for.
class LoggingStage final : public stages::Stage {
 public:
  explicit LoggingStage(std::vector<std::string>& log) : log_(log) {}
  std::string_view name() const noexcept override { return "logging"; }
  int version() const noexcept override { return 1; }
  Result<stages::StageOutput> Run(const stages::StageInput& input) override {
    log_.push_back(input.params.at("name").get<std::string>() + " on " +
                   input.hints.at("device").get<std::string>());
    if (input.params.value("full", false))
      return Status(StatusCode::kOutOfMemory, "logging", "no memory");
    stages::StageOutput output;
    output.memory = {.peak = 5, .total = 80};
    return output;
  }
  void ReleaseDevice() override { log_.push_back("release"); }

 private:
  std::vector<std::string>& log_;
};

class ComputeThreadTest : public ::testing::Test {
 protected:
  ComputeThreadTest() {
    stages_.emplace("logging", std::make_unique<LoggingStage>(log_));
  }

  /// Runs the requests one after another, all queued at once.
  void RunAll(const std::vector<TaskRequest>& requests, bool shares) {
    TaskRunner runner(store_, stages_, clock_,
                      {.host = "here",
                       .threads = 3,
                       .numerics = {kTag},
                       .gpu = "cuda:1",
                       .shares_gpu = shares});
    std::counting_semaphore<> reports(0);
    ComputeThread compute(runner, [&] { reports.release(); });
    compute.Submit(requests);
    for (std::size_t i = 0; i < requests.size(); ++i) reports.acquire();
    while (auto message = compute.Take())
      reports_.push_back(std::get<TaskReport>(*message));
    log_at_last_report_ = log_;
  }
  static TaskRequest Request(const std::string& name,
                             const std::string& numerics) {
    TaskRequest request;
    request.stage = "logging";
    request.numerics = numerics;
    request.params = {{"name", name}};
    request.hints = Json::object();
    return request;
  }

  std::vector<std::string> log_, log_at_last_report_;
  std::vector<TaskReport> reports_;
  const SystemClock clock_;
  BlobStore store_{WorkspaceLayout("nowhere")};
  stages::StageRegistry stages_;
};

TEST_F(ComputeThreadTest, TasksRunOnTheDeviceOfTheirNumerics) {
  RunAll({Request("a", kTag), Request("b", "")}, /*shares=*/false);
  EXPECT_THAT(log_, ElementsAre("a on cuda:1", "b on cpu"));
  ASSERT_EQ(reports_.size(), 2U);
  EXPECT_EQ(reports_[0].device, "cuda:1");
  EXPECT_EQ(reports_[0].device_peak, 5);
  EXPECT_EQ(reports_[0].device_bytes, 80);
  EXPECT_EQ(reports_[1].device, "cpu");
}

TEST_F(ComputeThreadTest, ATaskOfOtherNumericsIsNotRun) {
  RunAll({Request("a", "cuda/e/fp32/l4")}, /*shares=*/false);
  EXPECT_THAT(log_, ElementsAre());
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].status.code(), StatusCode::kInternal);
  EXPECT_THAT(reports_[0].status.cause(), HasSubstr("cuda/e/fp32/l4"));
}

TEST_F(ComputeThreadTest,
       ASharedGpuIsReleasedBeforeTheLastTaskThereIsReported) {
  RunAll({Request("a", kTag), Request("b", kTag), Request("c", "")},
         /*shares=*/true);
  // Between "a" and "b" the engine is kept.
  EXPECT_THAT(
      std::vector(log_at_last_report_.begin(), log_at_last_report_.begin() + 4),
      ElementsAre("a on cuda:1", "b on cuda:1", "release", "c on cpu"));
}

TEST_F(ComputeThreadTest, WhatFilledTheMemoryIsReleasedEvenIfNobodyShares) {
  TaskRequest full = Request("a", kTag);
  full.params["full"] = true;
  RunAll({full}, /*shares=*/false);
  EXPECT_THAT(log_at_last_report_, ElementsAre("a on cuda:1", "release"));
  EXPECT_EQ(reports_[0].status.code(), StatusCode::kOutOfMemory);
}

}  // namespace
}  // namespace besom::run
