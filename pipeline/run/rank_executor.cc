#include "pipeline/run/rank_executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace besom::run {
namespace {

/// Reports and progress are events; nothing else comes from a worker.
Result<ExecutorEvent> EventOf(int rank, Message message) {
  if (auto* report = std::get_if<TaskReport>(&message))
    return ExecutorEvent{rank, std::move(*report)};
  if (const auto* progress = std::get_if<TaskProgress>(&message))
    return ExecutorEvent{rank, *progress};
  return InternalError(
      "coordinator",
      fmt::format("rank {} sent message kind {}", rank, message.index()));
}

}  // namespace

RankExecutor::RankExecutor(cluster::Communicator& comm, TaskRunner& runner)
    : comm_(comm), compute_(runner, [&comm] { comm.Wake(); }) {
  BESOM_CHECK(comm.rank() == 0, "rank 0 coordinates");
}

Status RankExecutor::Start(int rank, TaskRequest request) {
  if (rank == 0) {
    compute_.Submit(std::move(request));
    return Status::Ok();
  }
  return comm_.Send(rank, Encode(std::move(request)));
}

std::optional<ExecutorEvent> RankExecutor::TakeLocal() {
  std::optional<Message> message = compute_.Take();
  if (!message) return std::nullopt;
  return EventOf(0, *std::move(message)).value();
}

std::optional<ExecutorEvent> RankExecutor::TakeLostRank() {
  for (const int rank : comm_.FailedRanks())
    if (lost_.insert(rank).second) return ExecutorEvent{rank, RankLost{rank}};
  return std::nullopt;
}

Result<std::optional<ExecutorEvent>> RankExecutor::Wait(double seconds) {
  if (auto event = TakeLocal()) return event;
  if (auto event = TakeLostRank()) return event;
  BESOM_ASSIGN_OR_RETURN(std::optional<cluster::Message> received,
                         comm_.Receive(seconds));
  if (received) {
    BESOM_ASSIGN_OR_RETURN(Message message, Decode(received->bytes));
    BESOM_ASSIGN_OR_RETURN(ExecutorEvent event,
                           EventOf(received->from, std::move(message)));
    return std::optional(std::move(event));
  }
  if (auto event = TakeLocal()) return event;
  return TakeLostRank();
}

void RankExecutor::Interrupt() {
  compute_.Interrupt();
  for (int rank = 1; rank < comm_.size(); ++rank) {
    // A rank that cannot be told is lost, and is reported as such.
    [[maybe_unused]] const Status ignored =
        comm_.Send(rank, Encode(run::Interrupt{}));
  }
}

Status RankExecutor::Shutdown() {
  for (int rank = 1; rank < comm_.size(); ++rank)
    BESOM_RETURN_IF_ERROR(comm_.Send(rank, Encode(run::Shutdown{})));
  return comm_.Close();
}

Status RunWorker(cluster::Communicator& comm, TaskRunner& runner) {
  ComputeThread compute(runner, [&comm] { comm.Wake(); });
  while (true) {
    BESOM_ASSIGN_OR_RETURN(
        std::optional<cluster::Message> received,
        comm.Receive(std::numeric_limits<double>::infinity()));
    if (received) {
      BESOM_ASSIGN_OR_RETURN(Message message, Decode(received->bytes));
      if (auto* request = std::get_if<TaskRequest>(&message))
        compute.Submit(std::move(*request));
      else if (std::holds_alternative<run::Interrupt>(message))
        compute.Interrupt();
      else
        return comm.Close();
    }
    while (std::optional<Message> message = compute.Take())
      BESOM_RETURN_IF_ERROR(comm.Send(0, Encode(*message)));
    const std::vector<int>& failed = comm.FailedRanks();
    if (std::find(failed.begin(), failed.end(), 0) != failed.end())
      return Status(StatusCode::kInterrupted, "rank 0", "is gone",
                    "run the same command again: it resumes");
  }
}

}  // namespace besom::run
