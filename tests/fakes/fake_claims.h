#pragma once

#include <functional>
#include <map>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/run/task_claims.h"

namespace besom::testing {

/// Claims whose answers a test chooses; remembers what was released, and when.
class FakeClaims final : public run::TaskClaims {
 public:
  using Kind = run::ClaimOutcome::Kind;

  /// Borrows the clock.
  explicit FakeClaims(const Clock& clock) : clock_(clock) {}

  Result<std::vector<run::ClaimOutcome>> Claim(
      const std::vector<TaskId>& tasks) override {
    ++asked;
    std::vector<run::ClaimOutcome> outcomes(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i)
      outcomes[i].kind = answer(tasks[i]);
    return outcomes;
  }
  Status Release(TaskId task) override {
    released[task] = clock_.Monotonic();
    return Status::Ok();
  }
  Status Discard(TaskId) override { return Status::Ok(); }

  std::function<Kind(TaskId)> answer = [](TaskId) { return Kind::kMine; };
  std::map<TaskId, double> released;  ///< When it was last.
  int asked = 0;                      ///< How often.

 private:
  const Clock& clock_;
};

}  // namespace besom::testing
