#include "pipeline/run/database_claims.h"

#include <numeric>
#include <utility>

#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

/// Each pass settles what a dead run held or what lost its blobs; one more is
/// needed only when another run dies meanwhile.
constexpr int kMostPasses = 4;

}  // namespace

DatabaseClaims::DatabaseClaims(std::string run, const SweepGraph& sweep,
                               db::ClaimBook& book, db::ResultsStore& results,
                               DatabaseSink& sink,
                               const WorkspaceLayout& layout,
                               const Clock& clock)
    : run_(std::move(run)),
      sweep_(sweep),
      book_(book),
      results_(results),
      sink_(sink),
      layout_(layout),
      clock_(clock) {}

/// Turns an answer into an outcome; false = the claim must be asked again.
Result<bool> DatabaseClaims::Settle(const db::ClaimAnswer& answer, TaskId task,
                                    ClaimOutcome& outcome) {
  switch (answer.state) {
    case db::ClaimState::kMine:
      outcome.kind = ClaimOutcome::Kind::kMine;
      return true;
    case db::ClaimState::kHeld: {
      BESOM_ASSIGN_OR_RETURN(const bool alive,
                             IsRunAlive(layout_, answer.holder));
      outcome.kind = ClaimOutcome::Kind::kElsewhere;
      if (alive) return true;
      BESOM_RETURN_IF_ERROR(book_.TakeOver(answer.holder).status());
      return false;
    }
    case db::ClaimState::kDone: {
      BESOM_ASSIGN_OR_RETURN(std::optional<KnownTask> known, sink_.Find(task));
      if (known) {
        outcome.kind = ClaimOutcome::Kind::kDone;
        outcome.known = *std::move(known);
        return true;
      }
      BESOM_RETURN_IF_ERROR(
          results_.ForgetActions({sweep_.graph[task].key.Hex()}));
      return false;
    }
  }
  return InternalError("claims", "an unknown answer");
}

Result<std::vector<ClaimOutcome>> DatabaseClaims::Claim(
    const std::vector<TaskId>& tasks) {
  std::vector<ClaimOutcome> outcomes(tasks.size());
  std::vector<std::size_t> open(tasks.size());
  std::iota(open.begin(), open.end(), 0);
  for (int pass = 0; pass < kMostPasses && !open.empty(); ++pass) {
    std::vector<std::string> keys;
    for (const std::size_t i : open)
      keys.push_back(sweep_.graph[tasks[i]].key.Hex());
    BESOM_ASSIGN_OR_RETURN(const std::vector<db::ClaimAnswer> answers,
                           book_.Claim(run_, keys, clock_.Wall()));
    std::vector<std::size_t> again;
    for (std::size_t i = 0; i < open.size(); ++i) {
      BESOM_ASSIGN_OR_RETURN(
          const bool settled,
          Settle(answers[i], tasks[open[i]], outcomes[open[i]]));
      if (!settled) again.push_back(open[i]);
    }
    open = std::move(again);
  }
  // What is not settled is asked for again with what runs elsewhere.
  for (const std::size_t i : open)
    outcomes[i].kind = ClaimOutcome::Kind::kElsewhere;
  return outcomes;
}

Status DatabaseClaims::Release(TaskId task) {
  return book_.Release(run_, {sweep_.graph[task].key.Hex()});
}

Status DatabaseClaims::Discard(TaskId task) {
  return results_.ForgetActions({sweep_.graph[task].key.Hex()});
}

}  // namespace besom::run
