#include "pipeline/run/rank_executor.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"

namespace besom::run {
namespace {

/// What comes from a worker; nothing else does.
Result<ExecutorEvent> EventOf(int rank, Message message) {
  if (auto* report = std::get_if<TaskReport>(&message))
    return ExecutorEvent{rank, std::move(*report)};
  if (const auto* progress = std::get_if<TaskProgress>(&message))
    return ExecutorEvent{rank, *progress};
  if (const auto* returned = std::get_if<TaskReturned>(&message))
    return ExecutorEvent{rank, *returned};
  return InternalError(
      "coordinator",
      fmt::format("rank {} sent message kind {}", rank, message.index()));
}

}  // namespace

RankExecutor::RankExecutor(cluster::Communicator& comm, TaskRunner& runner,
                           std::vector<RankTraits> traits)
    : comm_(comm),
      runner_(runner),
      traits_(std::move(traits)),
      apart_(traits_.size()),
      pids_(traits_.size()),
      compute_(runner, [&comm] { comm.Wake(); }) {
  BESOM_CHECK(comm.rank() == 0, "rank 0 coordinates");
  BESOM_CHECK(traits_.size() == static_cast<std::size_t>(comm.size()),
              "traits of each rank");
}

Result<std::vector<WorkspaceSight>> RankExecutor::AskForToken(
    const WorkspaceToken& token, const std::function<double()>& wait) {
  using Kind = WorkspaceSight::Kind;
  std::vector<WorkspaceSight> sights(traits_.size());
  sights[0].host = runner_.host();
  for (int rank = 1; rank < comm_.size(); ++rank) {
    sights[static_cast<std::size_t>(rank)].kind = Kind::kSilent;
    BESOM_RETURN_IF_ERROR(comm_.Send(rank, Encode(TokenAsked{token})));
  }
  const auto is_awaited = [&] {
    const std::vector<int>& lost = comm_.FailedRanks();
    for (std::size_t rank = 0; rank < sights.size(); ++rank)
      if (sights[rank].kind == Kind::kSilent &&
          std::ranges::find(lost, static_cast<int>(rank)) == lost.end())
        return true;
    return false;
  };
  while (is_awaited()) {
    const double seconds = wait();
    if (seconds <= 0) break;
    BESOM_ASSIGN_OR_RETURN(std::optional<cluster::Message> received,
                           comm_.Receive(seconds));
    if (!received) continue;
    BESOM_ASSIGN_OR_RETURN(Message message, Decode(received->bytes));
    const auto from = static_cast<std::size_t>(received->from);
    if (const auto* hello = std::get_if<Hello>(&message))
      pids_[from] = hello->pid;
    else if (auto* answer = std::get_if<TokenAnswer>(&message))
      sights[from] = {answer->sees ? Kind::kSees : Kind::kMisses,
                      std::move(answer->host)};
  }
  return sights;
}

/// A host without sight of this workspace may have none of the files either
/// that the sweep names: only this host is sure to.
void RankExecutor::KeepApart(const std::vector<WorkspaceSight>& sights) {
  for (std::size_t rank = 0; rank < sights.size(); ++rank)
    apart_[rank] = sights[rank].kind != WorkspaceSight::Kind::kSees;
  if (std::ranges::find(apart_, true) == apart_.end()) return;
  desk_.emplace(runner_.store(), [this] { comm_.Wake(); });
  for (std::size_t rank = 0; rank < sights.size(); ++rank)
    traits_[rank].reads_files =
        !apart_[rank] && traits_[rank].host == traits_[0].host;
}

Status RankExecutor::Begin(const RunBegins& run) {
  runner_.Begin(run, 0);
  for (int rank = 1; rank < comm_.size(); ++rank) {
    RunBegins begins = run;
    begins.own_store = apart_[static_cast<std::size_t>(rank)];
    BESOM_RETURN_IF_ERROR(comm_.Send(rank, Encode(begins)));
  }
  return Status::Ok();
}

Status RankExecutor::SendReplies() {
  while (std::optional<BlobDesk::Reply> reply =
             desk_ ? desk_->Take() : std::nullopt)
    BESOM_RETURN_IF_ERROR(comm_.Send(reply->rank, Encode(reply->message)));
  return Status::Ok();
}

Status RankExecutor::Start(const TaskOrder& order) {
  std::string encoded;
  for (const int rank : order.ranks) {
    if (rank == 0) {
      compute_.Submit(RequestOf(order));
      continue;
    }
    if (encoded.empty()) encoded = Encode(RequestOf(order));
    BESOM_RETURN_IF_ERROR(comm_.Send(rank, encoded));
  }
  return Status::Ok();
}

Status RankExecutor::Recall(int rank, TaskId task, int attempt) {
  if (rank != 0) return comm_.Send(rank, Encode(run::Recall{task, attempt}));
  for (const TaskReturned& returned : compute_.Recall(task, attempt))
    returned_.push_back(returned);
  return Status::Ok();
}

std::optional<ExecutorEvent> RankExecutor::TakeLocal() {
  if (!returned_.empty()) {
    const TaskReturned returned = returned_.front();
    returned_.pop_front();
    return ExecutorEvent{0, returned};
  }
  std::optional<Message> message = compute_.Take();
  if (!message) return std::nullopt;
  return EventOf(0, *std::move(message)).value();
}

std::optional<ExecutorEvent> RankExecutor::TakeLostRank() {
  for (const int rank : comm_.FailedRanks())
    if (lost_.insert(rank).second) {
      if (desk_) desk_->Forget(rank);
      if (!blind_.contains(rank)) return ExecutorEvent{rank, RankLost{rank}};
    }
  return std::nullopt;
}

/// The answer of a rank that took too long.
std::optional<ExecutorEvent> RankExecutor::HearLate(int rank,
                                                    const TokenAnswer& answer) {
  if (answer.sees || apart_[static_cast<std::size_t>(rank)])
    return std::nullopt;
  Log(LogLevel::kWarning,
      fmt::format("rank {} is left out: {} does not see what {} writes in {}; "
                  "put -w on a file system that all nodes share, or set "
                  "`store: ranks`",
                  rank, answer.host, runner_.host(),
                  runner_.store().layout().root().string()));
  blind_.insert(rank);
  Interrupt(rank);
  return ExecutorEvent{rank, RankLost{rank}};
}

Result<std::optional<ExecutorEvent>> RankExecutor::Read(
    const cluster::Message& received) {
  BESOM_ASSIGN_OR_RETURN(Message message, Decode(received.bytes));
  if (const auto* hello = std::get_if<Hello>(&message)) {
    pids_[static_cast<std::size_t>(received.from)] = hello->pid;
    return std::optional<ExecutorEvent>();
  }
  if (auto* asked = std::get_if<PieceAsked>(&message); asked && desk_) {
    desk_->HandIn(received.from, std::move(*asked));
    return std::optional<ExecutorEvent>();
  }
  if (auto* given = std::get_if<PieceGiven>(&message); given && desk_) {
    desk_->HandIn(received.from, std::move(*given));
    return std::optional<ExecutorEvent>();
  }
  if (const auto* answer = std::get_if<TokenAnswer>(&message))
    return HearLate(received.from, *answer);
  if (blind_.contains(received.from)) return std::optional<ExecutorEvent>();
  BESOM_ASSIGN_OR_RETURN(ExecutorEvent event,
                         EventOf(received.from, std::move(message)));
  return std::optional(std::move(event));
}

void RankExecutor::Abandon() {
  for (int rank = 1; rank < comm_.size(); ++rank) {
    const auto place = static_cast<std::size_t>(rank);
    if (lost_.contains(rank)) continue;
    if (traits_[place].host == traits_[0].host && pids_[place] > 0) {
      ::kill(static_cast<pid_t>(pids_[place]), SIGKILL);
      continue;
    }
    if (shut_down_) continue;
    // A rank that cannot be told is gone.
    [[maybe_unused]] const Status ignored =
        comm_.Send(rank, Encode(run::Shutdown{}));
  }
}

Result<std::optional<ExecutorEvent>> RankExecutor::Wait(double seconds) {
  if (auto event = TakeLocal()) return event;
  if (auto event = TakeLostRank()) return event;
  BESOM_RETURN_IF_ERROR(SendReplies());
  BESOM_ASSIGN_OR_RETURN(std::optional<cluster::Message> received,
                         comm_.Receive(seconds));
  if (received) {
    return Read(*received);
  }
  if (auto event = TakeLocal()) return event;
  return TakeLostRank();
}

void RankExecutor::Interrupt(int rank) {
  if (rank == 0) return compute_.Interrupt();
  // A rank that cannot be told is lost, and is reported as such.
  [[maybe_unused]] const Status ignored =
      comm_.Send(rank, Encode(run::Interrupt{}));
}

Status RankExecutor::Shutdown() {
  shut_down_ = true;
  for (int rank = 1; rank < comm_.size(); ++rank)
    BESOM_RETURN_IF_ERROR(comm_.Send(rank, Encode(run::Shutdown{})));
  return comm_.Close();
}

}  // namespace besom::run
