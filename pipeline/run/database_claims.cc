#include "pipeline/run/database_claims.h"

#include <numeric>
#include <utility>

#include "pipeline/run/busy_database.h"
#include "pipeline/run/known_outputs.h"
#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

/// Each pass settles what a dead run held or what lost its blobs; one more is
/// needed only when another run dies meanwhile.
constexpr int kMostPasses = 4;

}  // namespace

DatabaseClaims::DatabaseClaims(std::string run, const SweepGraph& sweep,
                               db::ClaimBook& book, db::ResultsStore& results,
                               DatabaseSink& sink, const BlobStore& blobs,
                               HolderJudge& judge, const Clock& clock)
    : run_(std::move(run)),
      sweep_(sweep),
      book_(book),
      results_(results),
      sink_(sink),
      blobs_(blobs),
      judge_(judge),
      clock_(clock) {
  book_.WaitWhileBusy(
      WhileOthersWrite(blobs_.layout().database().string(), sink_.stop()));
}

/// True when `run` has no claims any more because it is dead.
Result<bool> DatabaseClaims::IsDead(const std::string& run) {
  const WorkspaceLayout& layout = blobs_.layout();
  BESOM_ASSIGN_OR_RETURN(const bool alive, IsRunAlive(layout, run));
  if (!alive) {
    BESOM_RETURN_IF_ERROR(book_.TakeOver(run).status());
    return true;
  }
  const LockHolder holder = LockHolder::Parse(HolderOfRun(layout, run));
  const std::string why = judge_.WhyDead(holder, /*locks_work=*/true);
  if (why.empty()) return false;
  BESOM_RETURN_IF_ERROR(RemoveRunLock(layout, run));
  BESOM_RETURN_IF_ERROR(results_.TakeOverRun(run, why, clock_.Wall()));
  return true;
}

/// True while blobs of a finished task are missing that may be there soon.
Result<bool> DatabaseClaims::MayAppear(TaskId task) {
  if (blobs_.patience().seconds <= 0) return false;
  BESOM_ASSIGN_OR_RETURN(const std::optional<db::ActionRow> action,
                         results_.FindAction(sweep_.graph[task].key.Hex()));
  if (!action) return false;
  BlobSearch& search = searches_.try_emplace(task, blobs_).first->second;
  if (search.Look(BlobsOf(*action)) == BlobSearch::Answer::kLookAgain)
    return true;
  searches_.erase(task);
  return false;
}

/// Turns an answer into an outcome; false = the claim must be asked again.
Result<bool> DatabaseClaims::Settle(const db::ClaimAnswer& answer, TaskId task,
                                    ClaimOutcome& outcome) {
  switch (answer.state) {
    case db::ClaimState::kMine:
      outcome.kind = ClaimOutcome::Kind::kMine;
      return true;
    case db::ClaimState::kHeld: {
      BESOM_ASSIGN_OR_RETURN(const bool dead, IsDead(answer.holder));
      outcome.kind = ClaimOutcome::Kind::kElsewhere;
      return !dead;
    }
    case db::ClaimState::kDone: {
      BESOM_ASSIGN_OR_RETURN(const bool may_appear, MayAppear(task));
      if (may_appear) {
        outcome.kind = ClaimOutcome::Kind::kElsewhere;
        return true;
      }
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
