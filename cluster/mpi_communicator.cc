#include "cluster/mpi_communicator.h"

#include <mpi.h>
#if BESOM_MPI_HAS_ULFM
#include <mpi-ext.h>
#endif
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster/back_off.h"
#include "cluster/mpi_error.h"
#include "cluster/wake_signal.h"
#include "pipeline/base/clock.h"

namespace besom::cluster {
namespace {

constexpr double kCloseSeconds = 10;
constexpr double kMovingSeconds = 100e-6;

// What a piece of a message is.
enum Tag { kLastPiece = 1, kMoreFollow = 2, kGoodbye = 3 };

// A piece that MPI reads until the request is done.
struct Outgoing {
  std::shared_ptr<const std::string> bytes;
  MPI_Request request = MPI_REQUEST_NULL;
};

// A piece that MPI writes until the request is done.
struct Incoming {
  std::string bytes;
  int from = 0;
  int tag = 0;
  MPI_Request request = MPI_REQUEST_NULL;
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(MPI_Comm comm, int rank, int size, std::size_t piece_bytes)
      : comm_(comm),
        rank_(rank),
        size_(size),
        piece_bytes_(piece_bytes),
        peers_(static_cast<std::size_t>(size)) {}
  ~MpiCommunicator() override {
    if (!closed_) (void)Close();
  }

  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return size_; }
  const std::vector<int>& FailedRanks() const override { return failed_; }
  void Wake() override { signal_.Set(); }

  Status Send(int to, std::string bytes) override;
  Result<std::optional<Message>> Receive(double timeout_seconds) override;
  Status Close() override;

 private:
  // What this rank knows of another.
  struct Peer {
    std::string pieces;  // Of the message that is not whole yet.
    std::deque<Outgoing> outgoing;
    bool dead = false;
    bool gone = false;  // Has said goodbye.
  };

  Peer& At(int rank) { return peers_[static_cast<std::size_t>(rank)]; }
  Status SendPiece(int to, std::shared_ptr<const std::string> bytes,
                   std::size_t offset, std::size_t count, int tag);
  Status FinishSends();
  Result<bool> FinishOldestSend(std::deque<Outgoing>& queue);
  Status FinishReceives();
  Result<bool> Match();
  Result<bool> FinishIncoming();
  void TakePiece();
  Status NoteFailures();
  bool PublishFailures();
  double PauseSeconds();
  bool LivePeersAreGone() const;
  Result<bool> WaitForGoodbyes();
  Status SayGoodbye(int first, int last);
  Status LeaveTogether();
  void ReleaseUnsent();

  MPI_Comm comm_;
  const int rank_, size_;
  const std::size_t piece_bytes_;
  SystemClock clock_;
  WakeSignal signal_;
  std::size_t unsent_ = 0;  // In the queues of all peers.
  std::optional<Incoming> incoming_;
  std::deque<Message> inbox_;
  std::vector<Peer> peers_;
  std::vector<int> dying_;  // Dead; their last messages may be in inbox_.
  std::vector<int> failed_;
  double last_news_ = 0;  // When waiting began, or a piece arrived.
  bool sharp_timer_ = false;
  bool closed_ = false;
};

Status MpiCommunicator::Send(int to, std::string bytes) {
  BESOM_CHECK(to >= 0 && to < size_,
              "rank " + std::to_string(to) + " of " + std::to_string(size_));
  BESOM_CHECK(!closed_, "the channel is closed");
  if (to == rank_) {
    inbox_.push_back({rank_, std::move(bytes)});
    return Status::Ok();
  }
  if (At(to).gone) return Status::Ok();
  const auto shared = std::make_shared<const std::string>(std::move(bytes));
  std::size_t offset = 0;
  for (; shared->size() - offset > piece_bytes_; offset += piece_bytes_) {
    BESOM_RETURN_IF_ERROR(
        SendPiece(to, shared, offset, piece_bytes_, kMoreFollow));
  }
  BESOM_RETURN_IF_ERROR(
      SendPiece(to, shared, offset, shared->size() - offset, kLastPiece));
  return FinishSends();
}

Status MpiCommunicator::SendPiece(int to,
                                  std::shared_ptr<const std::string> bytes,
                                  std::size_t offset, std::size_t count,
                                  int tag) {
  if (At(to).dead) return Status::Ok();
  MPI_Request request = MPI_REQUEST_NULL;
  const int code = MPI_Isend(bytes->data() + offset, static_cast<int>(count),
                             MPI_BYTE, to, tag, comm_, &request);
  if (IsRankFailure(code)) return NoteFailures();
  BESOM_RETURN_IF_ERROR(MpiStatus(code, "MPI_Isend"));
  At(to).outgoing.push_back({std::move(bytes), request});
  ++unsent_;
  return Status::Ok();
}

// Forgets what MPI has sent, and what it cannot send to the dead. Messages to
// a rank leave in their order, so only the oldest of each is looked at.
Status MpiCommunicator::FinishSends() {
  for (int rank = 0; rank < size_ && unsent_ > 0; ++rank) {
    bool done = true;
    while (done && !At(rank).outgoing.empty()) {
      BESOM_ASSIGN_OR_RETURN(done, FinishOldestSend(At(rank).outgoing));
    }
  }
  return Status::Ok();
}

// Whether the oldest was sent, or failed, and is gone from the queue.
Result<bool> MpiCommunicator::FinishOldestSend(std::deque<Outgoing>& queue) {
  MPI_Request& request = queue.front().request;
  int done = 0;
  const int code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
  if (IsRankFailure(code)) {
    // MPI leaves a request that failed to its owner.
    if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
    done = 1;
    BESOM_RETURN_IF_ERROR(NoteFailures());
  } else {
    BESOM_RETURN_IF_ERROR(MpiStatus(code, "MPI_Test of a send"));
  }
  if (!done) return false;
  queue.pop_front();
  --unsent_;
  return true;
}

// Takes in what has arrived until a whole message is there, or nothing more.
Status MpiCommunicator::FinishReceives() {
  while (inbox_.empty()) {
    if (!incoming_) {
      BESOM_ASSIGN_OR_RETURN(const bool matched, Match());
      if (!matched) break;
    }
    BESOM_ASSIGN_OR_RETURN(const bool finished, FinishIncoming());
    if (!finished) break;
  }
  return Status::Ok();
}

// Starts to receive a piece that has arrived; false when there is none.
Result<bool> MpiCommunicator::Match() {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  // Open MPI looks before it moves messages on, so that the first probe finds
  // what arrived before it and the second what the first one moved on. A
  // failure, once acknowledged, does not hide what has arrived either.
  int code = MPI_SUCCESS;
  for (int attempt = 0; attempt < 2 && !found; ++attempt) {
    code = MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &found, &message,
                       &status);
    if (IsRankFailure(code)) {
      BESOM_RETURN_IF_ERROR(NoteFailures());
    } else {
      BESOM_RETURN_IF_ERROR(MpiStatus(code, "MPI_Improbe"));
    }
  }
  if (!found) return false;
  int count = 0;
  BESOM_RETURN_IF_ERROR(
      MpiStatus(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count"));
  incoming_.emplace();
  incoming_->bytes.resize(static_cast<std::size_t>(count));
  incoming_->from = status.MPI_SOURCE;
  incoming_->tag = status.MPI_TAG;
  last_news_ = clock_.Monotonic();
  code = MPI_Imrecv(incoming_->bytes.data(), count, MPI_BYTE, &message,
                    &incoming_->request);
  if (IsRankFailure(code)) {
    incoming_.reset();
    BESOM_RETURN_IF_ERROR(NoteFailures());
    return false;
  }
  BESOM_RETURN_IF_ERROR(MpiStatus(code, "MPI_Imrecv"));
  return true;
}

// Whether the piece that was being received is out of the way.
Result<bool> MpiCommunicator::FinishIncoming() {
  int done = 0;
  const int code = MPI_Test(&incoming_->request, &done, MPI_STATUS_IGNORE);
  if (IsRankFailure(code)) {
    if (incoming_->request != MPI_REQUEST_NULL)
      MPI_Request_free(&incoming_->request);
    incoming_.reset();
    BESOM_RETURN_IF_ERROR(NoteFailures());
    return true;
  }
  BESOM_RETURN_IF_ERROR(MpiStatus(code, "MPI_Test of a receive"));
  if (!done) return false;
  TakePiece();
  incoming_.reset();
  return true;
}

void MpiCommunicator::TakePiece() {
  Peer& peer = At(incoming_->from);
  if (incoming_->tag == kGoodbye) {
    peer.gone = true;
    return;
  }
  if (std::ranges::find(failed_, incoming_->from) != failed_.end()) return;
  if (peer.pieces.empty()) {
    peer.pieces = std::move(incoming_->bytes);
  } else {
    peer.pieces += incoming_->bytes;
  }
  if (incoming_->tag == kMoreFollow) return;
  inbox_.push_back({incoming_->from, std::exchange(peer.pieces, {})});
}

// Learns who died and makes the communicator usable again.
Status MpiCommunicator::NoteFailures() {
#if BESOM_MPI_HAS_ULFM
  BESOM_RETURN_IF_ERROR(
      MpiStatus(MPIX_Comm_failure_ack(comm_), "MPIX_Comm_failure_ack"));
  MPI_Group dead = MPI_GROUP_NULL, all = MPI_GROUP_NULL;
  BESOM_RETURN_IF_ERROR(MpiStatus(MPIX_Comm_failure_get_acked(comm_, &dead),
                                  "MPIX_Comm_failure_get_acked"));
  MPI_Comm_group(comm_, &all);
  int count = 0;
  MPI_Group_size(dead, &count);
  for (int i = 0; i < count; ++i) {
    int rank = MPI_UNDEFINED;
    MPI_Group_translate_ranks(dead, 1, &i, all, &rank);
    if (rank == MPI_UNDEFINED || At(rank).dead) continue;
    At(rank).dead = true;
    dying_.push_back(rank);
  }
  MPI_Group_free(&dead);
  MPI_Group_free(&all);
#endif
  return Status::Ok();
}

// Tells of deaths, once nothing that the dead had sent is left to receive.
bool MpiCommunicator::PublishFailures() {
  if (dying_.empty()) return false;
  if (incoming_ && At(incoming_->from).dead) return false;
  for (const int rank : dying_) At(rank).pieces.clear();
  failed_.insert(failed_.end(), dying_.begin(), dying_.end());
  dying_.clear();
  return true;
}

// How long to sleep before the next look.
double MpiCommunicator::PauseSeconds() {
  if (!std::exchange(sharp_timer_, true)) {
    // Linux ends a short sleep up to 50 us late unless asked not to.
    ::prctl(PR_SET_TIMERSLACK, 1000UL);
  }
  const double pause = BackOffSeconds(clock_.Monotonic() - last_news_);
  // A long message moves on only while both sides look after it.
  const bool moving = incoming_ || unsent_ > 0;
  return moving ? std::min(pause, kMovingSeconds) : pause;
}

Result<std::optional<Message>> MpiCommunicator::Receive(
    double timeout_seconds) {
  BESOM_CHECK(timeout_seconds >= 0, "a negative time to wait");
  BESOM_CHECK(!closed_, "the channel is closed");
  const double start = last_news_ = clock_.Monotonic();
  while (true) {
    BESOM_RETURN_IF_ERROR(FinishSends());
    BESOM_RETURN_IF_ERROR(FinishReceives());
    if (!inbox_.empty()) {
      Message message = std::move(inbox_.front());
      inbox_.pop_front();
      return std::optional(std::move(message));
    }
    if (PublishFailures()) return std::optional<Message>();
    const double waited = clock_.Monotonic() - start;
    const double pause = std::min(PauseSeconds(), timeout_seconds - waited);
    if (signal_.Wait(std::max(pause, 0.0)) || waited >= timeout_seconds)
      return std::optional<Message>();
    if (pause == 0) ::sched_yield();
  }
}

bool MpiCommunicator::LivePeersAreGone() const {
  // Rank 0 waits for all, the others for rank 0, which answers last: then
  // all that was sent to it has been received.
  const auto awaited = std::span(peers_).first(rank_ == 0 ? peers_.size() : 1);
  for (std::size_t i = 0; i < awaited.size(); ++i) {
    if (static_cast<int>(i) != rank_ && !awaited[i].dead && !awaited[i].gone)
      return false;
  }
  return true;
}

// Waits for the goodbyes and for all that was sent to leave; whatever else
// arrives is dropped. False when that takes too long.
Result<bool> MpiCommunicator::WaitForGoodbyes() {
  const double start = last_news_ = clock_.Monotonic();
  while (true) {
    BESOM_RETURN_IF_ERROR(FinishSends());
    BESOM_RETURN_IF_ERROR(FinishReceives());
    const bool more = !inbox_.empty();
    inbox_.clear();
    if (LivePeersAreGone() && unsent_ == 0) return true;
    const double waited = clock_.Monotonic() - start;
    if (waited >= kCloseSeconds) return false;
    if (!more) signal_.Wait(PauseSeconds());
  }
}

Status MpiCommunicator::SayGoodbye(int first, int last) {
  const auto goodbye = std::make_shared<const std::string>();
  for (int rank = first; rank <= last; ++rank)
    BESOM_RETURN_IF_ERROR(SendPiece(rank, goodbye, 0, 0, kGoodbye));
  return Status::Ok();
}

Status MpiCommunicator::LeaveTogether() {
  if (rank_ != 0) BESOM_RETURN_IF_ERROR(SayGoodbye(0, 0));
  BESOM_ASSIGN_OR_RETURN(bool in_time, WaitForGoodbyes());
  if (rank_ == 0) {
    BESOM_RETURN_IF_ERROR(SayGoodbye(1, size_ - 1));
    BESOM_RETURN_IF_ERROR(FinishSends());
    if (in_time) {
      BESOM_ASSIGN_OR_RETURN(in_time, WaitForGoodbyes());
    }
  }
  if (in_time) return Status::Ok();
  std::string ranks;
  for (int rank = 0; rank < (rank_ == 0 ? size_ : 1); ++rank) {
    if (rank != rank_ && !At(rank).dead && !At(rank).gone)
      ranks += fmt::format(" {}", rank);
  }
  return IoError(fmt::format("rank {}", rank_),
                 fmt::format("closed, but within {} s there was no goodbye "
                             "from ranks{}, and {} messages could not leave",
                             kCloseSeconds, ranks, unsent_),
                 "a rank may hang; what it was sent is lost");
}

// MPI goes on reading what it could not send, so these bytes are never freed.
void MpiCommunicator::ReleaseUnsent() {
  if (unsent_ > 0) new std::vector<Peer>(std::move(peers_));
  if (incoming_) new Incoming(*std::move(incoming_));
}

Status MpiCommunicator::Close() {
  BESOM_CHECK(!closed_, "the channel is closed");
  const Status status = LeaveTogether();
  closed_ = true;
  ReleaseUnsent();
  // The communicator is not freed: MPI would give its number to the next one
  // while messages of this one may still travel.
  return status;
}

}  // namespace

Result<std::unique_ptr<Communicator>> OpenMpiCommunicator(
    std::size_t piece_bytes) {
  BESOM_CHECK(piece_bytes >= 1 && piece_bytes <= (std::size_t{1} << 30),
              "a piece of " + std::to_string(piece_bytes) + " bytes");
  MPI_Comm comm = MPI_COMM_NULL;
  BESOM_RETURN_IF_ERROR(
      MpiStatus(MPI_Comm_dup(MPI_COMM_WORLD, &comm), "MPI_Comm_dup"));
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  int rank = 0, size = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  return std::unique_ptr<Communicator>(
      new MpiCommunicator(comm, rank, size, piece_bytes));
}

}  // namespace besom::cluster
