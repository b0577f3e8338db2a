#include "pipeline/run/file_claims.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "pipeline/run/known_outputs.h"
#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

/// Each pass ends when somebody else was faster, or with an answer.
constexpr int kMostPasses = 4;

Json OutcomeOf(const db::ActionRow& action) {
  Json outputs = Json::array();
  for (const db::BlobRow& blob : action.blobs)
    outputs.push_back({blob.port, blob.digest, blob.size});
  return {{"seconds", action.seconds}, {"outputs", std::move(outputs)}};
}

/// None for what no program of ours wrote.
std::optional<KnownTask> KnownOf(const Json& outcome) {
  try {
    KnownTask known;
    known.seconds = outcome.at("seconds").get<double>();
    for (const Json& output : outcome.at("outputs")) {
      const Result<Digest> digest =
          Digest::FromHex(output.at(1).get<std::string>());
      if (!digest.ok()) return std::nullopt;
      known.outputs.push_back({output.at(0).get<std::string>(),
                               {*digest, output.at(2).get<std::uint64_t>()}});
    }
    return known;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

std::vector<BlobRef> BlobsOf(const TaskOutputs& outputs) {
  std::vector<BlobRef> blobs;
  for (const PortBlob& output : outputs) blobs.push_back(output.blob);
  return blobs;
}

}  // namespace

FileClaims::FileClaims(std::string run, const SweepGraph& sweep,
                       std::vector<bool> shared, TaskNotes notes,
                       const BlobStore& blobs, HolderJudge& judge,
                       const Clock& clock)
    : run_(std::move(run)),
      sweep_(sweep),
      shared_(std::move(shared)),
      notes_(std::move(notes)),
      blobs_(blobs),
      judge_(judge),
      clock_(clock) {
  for (TaskId task = 0; task < sweep.graph.size(); ++task)
    if (shared_[task]) by_key_.emplace(sweep.graph[task].key.Hex(), task);
}

TaskNote FileClaims::Ours() const {
  TaskNote note;
  note.run = run_;
  note.holder = judge_.self().ToText();
  return note;
}

/// Whether the run that wrote `note` has no claims any more.
Result<bool> FileClaims::IsDead(const TaskNote& note) {
  const auto known = dead_.find(note.run);
  if (known != dead_.end()) return known->second;
  BESOM_ASSIGN_OR_RETURN(const bool alive,
                         IsRunAlive(blobs_.layout(), note.run));
  const bool dead = !alive || !judge_
                                   .WhyDead(LockHolder::Parse(note.holder),
                                            /*locks_work=*/true)
                                   .empty();
  dead_.emplace(note.run, dead);
  return dead;
}

ClaimOutcome FileClaims::Wait(TaskId task) {
  Pause& pause = pauses_[task];
  pause.seconds =
      std::clamp(2 * pause.seconds, kFirstPause, kLongestPause);
  pause.until = clock_.Monotonic() + pause.seconds;
  ClaimOutcome outcome;
  outcome.kind = ClaimOutcome::Kind::kElsewhere;
  return outcome;
}

/// kTake: nobody computes it, and it is not done.
Result<FileClaims::Step> FileClaims::Settle(TaskId task, const TaskNote& note,
                                            ClaimOutcome& outcome) {
  if (note.outcome) {
    std::optional<KnownTask> known = KnownOf(*note.outcome);
    if (!known) return Step::kTake;
    BlobSearch& search = searches_.try_emplace(task, blobs_).first->second;
    switch (search.Look(BlobsOf(known->outputs))) {
      case BlobSearch::Answer::kLookAgain:
        outcome = Wait(task);
        return Step::kSettled;
      case BlobSearch::Answer::kGone:
        searches_.erase(task);
        return Step::kTake;
      case BlobSearch::Answer::kNoneMissing:
        break;
    }
    searches_.erase(task);
    outcome.kind = ClaimOutcome::Kind::kDone;
    outcome.known = *std::move(known);
    return Step::kSettled;
  }
  if (note.run.empty()) return Step::kTake;
  if (note.run == run_) {
    held_[task] = note.number;
    return Step::kSettled;
  }
  BESOM_ASSIGN_OR_RETURN(const bool dead, IsDead(note));
  if (dead) return Step::kTake;
  outcome = Wait(task);
  return Step::kSettled;
}

Result<ClaimOutcome> FileClaims::Ask(TaskId task) {
  ClaimOutcome outcome;
  if (!shared_[task]) return outcome;
  if (const auto pause = pauses_.find(task);
      pause != pauses_.end() && clock_.Monotonic() < pause->second.until) {
    outcome.kind = ClaimOutcome::Kind::kElsewhere;
    return outcome;
  }
  const Digest& key = sweep_.graph[task].key;
  for (int pass = 0; pass < kMostPasses; ++pass) {
    BESOM_ASSIGN_OR_RETURN(const TaskNote note, notes_.Last(key));
    BESOM_ASSIGN_OR_RETURN(const Step step, Settle(task, note, outcome));
    if (step == Step::kSettled) {
      if (outcome.kind != ClaimOutcome::Kind::kElsewhere) pauses_.erase(task);
      return outcome;
    }
    BESOM_ASSIGN_OR_RETURN(const bool taken,
                           notes_.Add(key, note.number, Ours()));
    if (!taken) continue;
    pauses_.erase(task);
    held_[task] = note.number + 1;
    return outcome;
  }
  return Wait(task);
}

Result<std::vector<ClaimOutcome>> FileClaims::Claim(
    const std::vector<TaskId>& tasks) {
  dead_.clear();
  std::vector<ClaimOutcome> outcomes;
  outcomes.reserve(tasks.size());
  for (const TaskId task : tasks) {
    BESOM_ASSIGN_OR_RETURN(ClaimOutcome outcome, Ask(task));
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

Status FileClaims::Release(TaskId task) {
  const auto held = held_.find(task);
  if (held == held_.end()) return Status::Ok();
  TaskNote nobodys;
  nobodys.number = held->second;
  held_.erase(held);
  return notes_.Replace(sweep_.graph[task].key, nobodys);
}

Status FileClaims::ReleaseAll() {
  while (!held_.empty())
    BESOM_RETURN_IF_ERROR(Release(held_.begin()->first));
  return Status::Ok();
}

Status FileClaims::Discard(TaskId task) {
  if (!shared_[task]) return Status::Ok();
  const Digest& key = sweep_.graph[task].key;
  BESOM_ASSIGN_OR_RETURN(const TaskNote note, notes_.Last(key));
  if (!note.outcome) return Status::Ok();
  // Who is faster has found out the same.
  return notes_.Add(key, note.number, TaskNote{}).status();
}

Status FileClaims::Publish(const std::vector<db::ActionRow>& actions) {
  dead_.clear();
  for (const db::ActionRow& action : actions) {
    const auto task = by_key_.find(action.key);
    if (task == by_key_.end()) continue;
    const Digest& key = sweep_.graph[task->second].key;
    TaskNote done = Ours();
    done.outcome = OutcomeOf(action);
    held_.erase(task->second);
    BESOM_ASSIGN_OR_RETURN(const TaskNote last, notes_.Last(key));
    done.number = last.number;
    if (last.number > 0 && last.run == run_) {
      BESOM_RETURN_IF_ERROR(notes_.Replace(key, done));
      continue;
    }
    if (last.outcome) continue;
    BESOM_ASSIGN_OR_RETURN(const bool free,
                           last.run.empty() ? Result<bool>(true)
                                            : IsDead(last));
    if (free)
      BESOM_RETURN_IF_ERROR(notes_.Add(key, last.number, done).status());
  }
  return Status::Ok();
}

}  // namespace besom::run
