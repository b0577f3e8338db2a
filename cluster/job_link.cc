#include "cluster/job_link.h"

#include <fmt/format.h>

namespace besom::cluster {
namespace {

using Kind = NextLink::Kind;

/// Exit codes of `besom run` after which the same run would end the same way.
bool IsFinal(int code) { return code == 2 || code == 4 || code == 70; }

/// Why a job that ends, or is about to, is followed by another start.
std::string WhyOver(const LinkFacts& facts) {
  if (facts.preempted) return "Slurm needed the nodes for another job";
  return facts.seconds_left <= 0 ? "the job's time is over"
                                 : "the job's time is nearly over";
}

}  // namespace

NextLink DecideNextLink(const LinkFacts& facts) {
  if (facts.complete) return {Kind::kNone, "the sweep is complete", ""};
  if (facts.cancelled) return {Kind::kNone, "cancelled", ""};
  if (!facts.limit.empty())
    return {
        Kind::kGiveUp, facts.limit,
        "see what failed (besom status); raise the limit or mend the sweep, "
        "then submit again"};
  if (IsFinal(facts.run_code))
    return {Kind::kGiveUp,
            fmt::format("the run ended with exit code {}", facts.run_code),
            "mend what it says in the job's log, then submit again"};
  if (facts.requeued)
    return {Kind::kSlurm, "Slurm has queued the job again", ""};
  const bool ending = facts.job == LinkFacts::Job::kEnding;
  if (ending && !facts.preempted && facts.seconds_left > 0)
    return {Kind::kNone, "the job was cancelled", ""};
  if (!facts.progress && !facts.node_lost && !facts.preempted)
    return {Kind::kGiveUp, "nothing was finished since the last start",
            "look into the job's log; give the job more time (slurm.time) if "
            "a task needs more than it had; then submit again"};
  if (facts.links >= facts.max_links)
    return {Kind::kGiveUp,
            fmt::format("it was started {} times, which slurm.max_links "
                        "allows, and is not complete",
                        facts.links),
            "submit again to go on"};
  if (facts.job == LinkFacts::Job::kRunning && !facts.preempted &&
      facts.seconds_left > facts.seconds_needed)
    return {Kind::kRunAgain,
            facts.node_lost ? "a node was lost" : "there is time left", ""};
  const bool back = facts.may_requeue && !ending;
  return {back ? Kind::kRequeue : Kind::kSubmit, WhyOver(facts), ""};
}

}  // namespace besom::cluster
