#include "cluster/job_phase.h"

#include <algorithm>
#include <iterator>

namespace besom::cluster {
namespace {

constexpr std::string_view kOver[] = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED",
    "NODE_FAIL", "PREEMPTED", "REVOKED",   "TIMEOUT",  "OUT_OF_MEMORY"};
constexpr std::string_view kWaits[] = {"PENDING",      "REQUEUED",
                                       "REQUEUE_HOLD", "REQUEUE_FED",
                                       "SPECIAL_EXIT", "RESV_DEL_HOLD"};

}  // namespace

JobPhase PhaseOf(std::string_view state) {
  if (std::ranges::find(kOver, state) != std::end(kOver))
    return JobPhase::kEnded;
  if (std::ranges::find(kWaits, state) != std::end(kWaits))
    return JobPhase::kPending;
  return state == "COMPLETING" ? JobPhase::kEnding : JobPhase::kRunning;
}

}  // namespace besom::cluster
