#include "pipeline/run/rank_worker.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "pipeline/store/own_layout.h"

namespace besom::run {

RankWorker::RankWorker(cluster::Communicator& comm, TaskRunner& runner)
    : comm_(comm),
      runner_(runner),
      compute_(runner, [&comm] { comm.Wake(); }) {}

/// Whoever waits for rank 0 in the compute thread must not do so for ever.
RankWorker::~RankWorker() {
  if (courier_) courier_->Close();
}

Status RankWorker::Run() {
  Status ended = Loop();
  if (courier_) courier_->Close();
  return ended;
}

Status RankWorker::Loop() {
  BESOM_RETURN_IF_ERROR(comm_.Send(0, Encode(Hello{::getpid()})));
  while (true) {
    BESOM_ASSIGN_OR_RETURN(std::optional<cluster::Message> received,
                           comm_.Receive(SecondsToWait()));
    if (received) {
      BESOM_ASSIGN_OR_RETURN(Message message, Decode(received->bytes));
      BESOM_RETURN_IF_ERROR(Handle(std::move(message)));
    }
    if (told_to_leave_) return comm_.Close();
    BESOM_RETURN_IF_ERROR(LookForToken());
    while (std::optional<Message> message =
               courier_ ? courier_->Take() : std::nullopt)
      BESOM_RETURN_IF_ERROR(comm_.Send(0, Encode(*message)));
    while (std::optional<Message> message = compute_.Take())
      BESOM_RETURN_IF_ERROR(comm_.Send(0, Encode(*message)));
    const std::vector<int>& failed = comm_.FailedRanks();
    if (std::ranges::find(failed, 0) != failed.end())
      return Status(StatusCode::kInterrupted, "rank 0", "is gone",
                    "run the same command again: it resumes");
  }
}

double RankWorker::SecondsToWait() const {
  return search_ ? TokenSearch::kPause
                 : std::numeric_limits<double>::infinity();
}

Status RankWorker::Handle(Message message) {
  if (auto* request = std::get_if<TaskRequest>(&message))
    compute_.Submit(std::move(*request));
  else if (const auto* begins = std::get_if<RunBegins>(&message))
    return Begin(*begins);
  else if (const auto* recall = std::get_if<Recall>(&message))
    return Answer(*recall);
  else if (auto* asked = std::get_if<TokenAsked>(&message))
    search_.emplace(runner_.store().layout(), std::move(asked->token),
                    runner_.store().patience());
  else if (auto* sent = std::get_if<PieceSent>(&message))
    courier_->HandIn(std::move(*sent));
  else if (auto* taken = std::get_if<PieceTaken>(&message))
    courier_->HandIn(std::move(*taken));
  else if (std::holds_alternative<run::Interrupt>(message))
    compute_.Interrupt();
  else
    told_to_leave_ = true;
  return Status::Ok();
}

Status RankWorker::Begin(const RunBegins& run) {
  if (run.own_store) {
    BESOM_ASSIGN_OR_RETURN(const WorkspaceLayout layout,
                           MakeOwnLayout(runner_.store().layout()));
    BESOM_ASSIGN_OR_RETURN(WorkspaceLock lock,
                           WorkspaceLock::TakeShared(layout));
    own_lock_.emplace(std::move(lock));
    own_store_.emplace(layout);
    courier_.emplace(*own_store_, [this] { comm_.Wake(); });
    runner_.KeepIn(*own_store_, *courier_);
  }
  runner_.Begin(run, comm_.rank());
  return Status::Ok();
}

/// Returns a task, with its companions, unless it was begun: then its report
/// tells enough.
Status RankWorker::Answer(const Recall& recall) {
  for (const TaskReturned& returned :
       compute_.Recall(recall.task, recall.attempt))
    BESOM_RETURN_IF_ERROR(comm_.Send(0, Encode(returned)));
  return Status::Ok();
}

Status RankWorker::LookForToken() {
  if (!search_) return Status::Ok();
  const std::optional<bool> seen = search_->Look();
  if (!seen) return Status::Ok();
  search_.reset();
  return comm_.Send(0, Encode(TokenAnswer{*seen, runner_.host()}));
}

}  // namespace besom::run
