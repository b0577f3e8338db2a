#include "pipeline/run/progress_observer.h"

#include <fmt/format.h>

#include <cstdio>

#include "pipeline/base/log.h"

namespace besom::run {
namespace {

constexpr double kSecondsBetweenLooks = 1;

}  // namespace

ProgressObserver::ProgressObserver(ProgressMode mode, const Clock& clock,
                                   std::function<std::string()> best,
                                   WorkTally& tally)
    : progress_(mode, clock, stderr),
      clock_(clock),
      best_(std::move(best)),
      tally_(tally) {}

void ProgressObserver::Expect(const std::string& stage, std::size_t tasks,
                              std::size_t cached) {
  progress_.Expect(stage, tasks, cached);
}

void ProgressObserver::Started(TaskId task, const TaskNode& node) {
  progress_.TaskShare(node.stage, task, 0);
}

void ProgressObserver::Share(TaskId task, const TaskNode& node, double share) {
  progress_.TaskShare(node.stage, task, share);
}

void ProgressObserver::Ended(const TaskReport& report, const TaskNode& node,
                             int rank) {
  Log(LogLevel::kInfo,
      fmt::format("rank {}: {}: {:.3f} s: {}", rank, node.label, report.seconds,
                  report.status.ToString()));
  if (!report.status.ok()) return;
  progress_.TaskDone(node.stage, report.task);
  tally_.Add(report, node, rank);
  if (node.stage == "evaluate") new_trials_ = true;
}

void ProgressObserver::Say(const std::string& line) { progress_.Say(line); }

void ProgressObserver::Draw() {
  if (new_trials_ && clock_.Monotonic() - last_look_ > kSecondsBetweenLooks) {
    last_look_ = clock_.Monotonic();
    new_trials_ = false;
    progress_.Best(best_());
  }
  progress_.Draw();
}

}  // namespace besom::run
