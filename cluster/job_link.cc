#include "cluster/job_link.h"

#include <fmt/format.h>

namespace besom::cluster {
namespace {

using Kind = NextLink::Kind;

/// Exit codes of `besom run` after which the same run would end the same way.
bool IsFinal(int code) { return code == 2 || code == 4 || code == 70; }

/// Slurm ends the job: because its time is over, for another job, or because
/// somebody said so.
NextLink AfterEnding(const LinkFacts& facts) {
  if (facts.preempted)
    return facts.may_requeue
               ? NextLink{Kind::kSlurm, "preempted: Slurm queues it again", ""}
               : NextLink{Kind::kSubmit, "preempted", ""};
  if (facts.seconds_left <= 0)
    return {Kind::kSubmit, "the job's time is over", ""};
  return {Kind::kNone, "the job was cancelled", ""};
}

}  // namespace

NextLink DecideNextLink(const LinkFacts& facts) {
  if (facts.complete) return {Kind::kNone, "the sweep is complete", ""};
  if (facts.cancelled) return {Kind::kNone, "cancelled", ""};
  if (IsFinal(facts.run_code))
    return {Kind::kGiveUp,
            fmt::format("the run ended with exit code {}", facts.run_code),
            "mend what it says in the job's log, then submit again"};
  if (facts.job == LinkFacts::Job::kEnding) {
    const NextLink next = AfterEnding(facts);
    if (next.kind != Kind::kSubmit) return next;
  }
  if (!facts.progress && !facts.node_lost)
    return {Kind::kGiveUp, "nothing was finished since the last start",
            "look into the job's log; give the job more time (slurm.time) if "
            "a task needs more than it had; then submit again"};
  if (facts.links >= facts.max_links)
    return {Kind::kGiveUp,
            fmt::format("it was started {} times, which slurm.max_links "
                        "allows, and is not complete",
                        facts.links),
            "submit again to go on"};
  if (facts.job == LinkFacts::Job::kRunning &&
      facts.seconds_left > facts.seconds_needed)
    return {Kind::kRunAgain,
            facts.node_lost ? "a node was lost" : "there is time left", ""};
  const std::string why = facts.job == LinkFacts::Job::kEnding
                              ? AfterEnding(facts).why
                              : "the job's time is nearly over";
  if (facts.job != LinkFacts::Job::kEnding && facts.may_requeue)
    return {Kind::kRequeue, why, ""};
  return {Kind::kSubmit, why, ""};
}

}  // namespace besom::cluster
