#include "pipeline/run/rank_executor.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

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

/// Returns a task, with its companions, unless it was begun: then its report
/// tells enough.
Status Answer(const Recall& recall, ComputeThread& compute,
              cluster::Communicator& comm) {
  for (const TaskReturned& returned :
       compute.Recall(recall.task, recall.attempt))
    BESOM_RETURN_IF_ERROR(comm.Send(0, Encode(returned)));
  return Status::Ok();
}

}  // namespace

RankExecutor::RankExecutor(cluster::Communicator& comm, TaskRunner& runner,
                           std::vector<RankTraits> traits)
    : comm_(comm),
      runner_(runner),
      traits_(std::move(traits)),
      pids_(traits_.size()),
      compute_(runner, [&comm] { comm.Wake(); }) {
  BESOM_CHECK(comm.rank() == 0, "rank 0 coordinates");
  BESOM_CHECK(traits_.size() == static_cast<std::size_t>(comm.size()),
              "traits of each rank");
}

Status RankExecutor::Begin(const RunBegins& run) {
  runner_.Begin(run, 0);
  for (int rank = 1; rank < comm_.size(); ++rank)
    BESOM_RETURN_IF_ERROR(comm_.Send(rank, Encode(run)));
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
    if (lost_.insert(rank).second) return ExecutorEvent{rank, RankLost{rank}};
  return std::nullopt;
}

Result<std::optional<ExecutorEvent>> RankExecutor::Read(
    const cluster::Message& received) {
  BESOM_ASSIGN_OR_RETURN(Message message, Decode(received.bytes));
  if (const auto* hello = std::get_if<Hello>(&message)) {
    pids_[static_cast<std::size_t>(received.from)] = hello->pid;
    return std::optional<ExecutorEvent>();
  }
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

Status RunWorker(cluster::Communicator& comm, TaskRunner& runner) {
  ComputeThread compute(runner, [&comm] { comm.Wake(); });
  BESOM_RETURN_IF_ERROR(comm.Send(0, Encode(Hello{::getpid()})));
  while (true) {
    BESOM_ASSIGN_OR_RETURN(
        std::optional<cluster::Message> received,
        comm.Receive(std::numeric_limits<double>::infinity()));
    if (received) {
      BESOM_ASSIGN_OR_RETURN(Message message, Decode(received->bytes));
      if (auto* request = std::get_if<TaskRequest>(&message))
        compute.Submit(std::move(*request));
      else if (const auto* begins = std::get_if<RunBegins>(&message))
        runner.Begin(*begins, comm.rank());
      else if (const auto* recall = std::get_if<Recall>(&message))
        BESOM_RETURN_IF_ERROR(Answer(*recall, compute, comm));
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
