#pragma once

#include <functional>
#include <string>

#include "pipeline/run/progress.h"
#include "pipeline/run/run_observer.h"
#include "pipeline/run/work_tally.h"

namespace besom::run {

/// Shows a run on stderr and in the log, and counts what it does. Borrows the
/// clock and the tally.
class ProgressObserver final : public RunObserver {
 public:
  /// `best` describes the best trial so far; it may cost a query, so it is not
  /// asked for after every task.
  ProgressObserver(ProgressMode mode, const Clock& clock,
                   std::function<std::string()> best, WorkTally& tally);

  void Expect(const std::string& stage, std::size_t tasks,
              std::size_t cached) override;
  void Started(TaskId task, const TaskNode& node) override;
  void Share(TaskId task, const TaskNode& node, double share) override;
  void Ended(const TaskReport& report, const TaskNode& node, int rank) override;
  void Say(const std::string& line) override;
  void Draw() override;

 private:
  Progress progress_;
  const Clock& clock_;
  const std::function<std::string()> best_;
  WorkTally& tally_;
  bool new_trials_ = false;
  double last_look_ = -1;
};

}  // namespace besom::run
