#include "cluster/mpi_group.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "cluster/back_off.h"
#include "cluster/mpi_error.h"
#include "pipeline/base/check.h"

namespace besom::cluster {
namespace {

constexpr int kStarts = 256;  // A member is never that far ahead.
constexpr std::int64_t kNumbers = 1 << 20;
constexpr int kTagsOfStart = 4;
// A slice shorter than this costs more by its messages than it saves.
constexpr std::size_t kLeastSlice = 4096;
constexpr std::size_t kBreakBytes = 1000;
// Between cause and cure of a break that travels.
constexpr char kSeparator = '\0';

}  // namespace

MpiGroup::MpiGroup(std::shared_ptr<MpiGroupChannel> channel, int rank,
                   const GroupMembers& members)
    : HostGroup(rank, static_cast<int>(members.ranks.size()), members.shards,
                std::make_shared<GroupBreak>()),
      channel_(std::move(channel)),
      ranks_(members.ranks),
      tag_base_(static_cast<int>(members.number % kNumbers) * kStarts *
                kTagsOfStart) {
  BESOM_CHECK(members.number >= 0, "groups are counted from 0");
}

MpiGroup::~MpiGroup() {
  if (AnyInFlight()) breakage().Set(rank(), LeftError());
  if (breakage().broken()) TellBreak();
  Leave();
}

void MpiGroup::Abort(const Status& reason) {
  breakage().Set(rank(), reason);
  signal_.Set();
}

int MpiGroup::TagOf(Tag kind, int start) const {
  return tag_base_ + start % kStarts * kTagsOfStart + kind;
}

// How many ranks add a slice: the first ones.
int MpiGroup::Slices(std::size_t floats) const {
  const std::size_t most = std::max<std::size_t>(1, floats / kLeastSlice);
  return static_cast<int>(std::min(most, static_cast<std::size_t>(size())));
}

IndexRange MpiGroup::Slice(std::size_t floats, int owner) const {
  const int slices = Slices(floats);
  return owner < slices ? PieceOf(floats, slices, owner)
                        : IndexRange{floats, floats};
}

Status MpiGroup::Add(int bucket) {
  const std::size_t mine = Slice(At(bucket).sum.size(), rank()).size();
  Flight& flight = flights_.emplace_back();
  flight.received.resize(static_cast<std::size_t>(shards()));
  const IndexRange own = own_shards();
  for (std::size_t shard = 0; shard < flight.received.size(); ++shard) {
    if (shard < own.begin || shard >= own.end)
      flight.received[shard].resize(mine);
  }
  return breakage().status();
}

void MpiGroup::Receive(float* to, std::size_t floats, int peer, int tag,
                       std::vector<Transfer>& list) {
  if (breakage().broken()) return;
  Transfer it{.peer = peer, .receives = true};
  const int code = MPI_Irecv(to, static_cast<int>(floats), MPI_FLOAT,
                             ranks_[static_cast<std::size_t>(peer)], tag,
                             channel_->comm, &it.request);
  if (code != MPI_SUCCESS) return BreakFor(peer, code, "MPI_Irecv");
  list.push_back(it);
}

void MpiGroup::Send(const float* from, std::size_t floats, int peer, int tag,
                    std::vector<Transfer>& list) {
  if (breakage().broken()) return;
  Transfer it{.peer = peer};
  const int code = MPI_Isend(from, static_cast<int>(floats), MPI_FLOAT,
                             ranks_[static_cast<std::size_t>(peer)], tag,
                             channel_->comm, &it.request);
  if (code != MPI_SUCCESS) return BreakFor(peer, code, "MPI_Isend");
  list.push_back(it);
}

void MpiGroup::ReceivePieces(int bucket) {
  Flight& flight = flights_[static_cast<std::size_t>(bucket)];
  std::vector<float>& sum = At(bucket).sum;
  const int slices = Slices(sum.size());
  for (int peer = 0; peer < size() && rank() < slices; ++peer) {
    if (peer == rank()) continue;
    const IndexRange theirs =
        PieceOf(static_cast<std::size_t>(shards()), size(), peer);
    for (std::size_t shard = theirs.begin; shard < theirs.end; ++shard) {
      std::vector<float>& to = flight.received[shard];
      Receive(to.data(), to.size(), peer, TagOf(kPart, flight.start),
              flight.parts);
    }
  }
  for (int peer = 0; peer < slices; ++peer) {
    const IndexRange slice = Slice(sum.size(), peer);
    if (peer != rank())
      Receive(sum.data() + slice.begin, slice.size(), peer,
              TagOf(kSum, flight.start), flight.others);
  }
}

void MpiGroup::SendParts(int bucket) {
  Flight& flight = flights_[static_cast<std::size_t>(bucket)];
  const Bucket& it = At(bucket);
  const int slices = Slices(it.sum.size());
  // Not all at once to the first.
  for (int i = 1; i < size(); ++i) {
    const int peer = (rank() + i) % size();
    if (peer >= slices) continue;
    const IndexRange slice = Slice(it.sum.size(), peer);
    for (const std::vector<float>& part : it.parts)
      Send(part.data() + slice.begin, slice.size(), peer,
           TagOf(kPart, flight.start), flight.others);
  }
}

Status MpiGroup::Begin(int bucket) {
  Flight& flight = flights_[static_cast<std::size_t>(bucket)];
  flight.start = starts_++;
  flight.added = flight.done = false;
  ReceivePieces(bucket);
  SendParts(bucket);
  return Move();
}

// Forgets the transfers that are done; true when none is left.
bool MpiGroup::Advance(std::vector<Transfer>& list) {
  std::erase_if(list, [this](Transfer& it) {
    if (breakage().broken()) return false;
    int done = 0;
    const int code = MPI_Test(&it.request, &done, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS) BreakFor(it.peer, code, "MPI_Test");
    moved_ |= done != 0;
    return done != 0;
  });
  return list.empty();
}

void MpiGroup::AddSlice(int bucket) {
  Flight& flight = flights_[static_cast<std::size_t>(bucket)];
  Bucket& it = At(bucket);
  const int slices = Slices(it.sum.size());
  flight.added = true;
  if (rank() >= slices) return;
  const IndexRange slice = Slice(it.sum.size(), rank());
  const std::size_t first_own = own_shards().begin;
  std::vector<const float*> parts;
  for (std::size_t shard = 0; shard < flight.received.size(); ++shard) {
    const bool own = shard >= first_own && shard - first_own < it.parts.size();
    parts.push_back(own ? it.parts[shard - first_own].data() + slice.begin
                        : flight.received[shard].data());
  }
  float* const sum = it.sum.data() + slice.begin;
  AddInOrder(parts, {sum, slice.size()});
  for (int i = 1; i < size(); ++i)
    Send(sum, slice.size(), (rank() + i) % size(), TagOf(kSum, flight.start),
         flight.others);
}

bool MpiGroup::MoveFlight(int bucket) {
  Flight& flight = flights_[static_cast<std::size_t>(bucket)];
  if (flight.done) return true;
  const bool others_done = Advance(flight.others);
  if (!flight.added && Advance(flight.parts) && !breakage().broken()) {
    AddSlice(bucket);
    flight.done = Advance(flight.others);
  } else {
    flight.done = flight.added && others_done;
  }
  return flight.done;
}

Status MpiGroup::Move() {
  moved_ = false;
  HearBreaks();
  for (std::size_t b = 0; b < flights_.size() && !breakage().broken(); ++b)
    MoveFlight(static_cast<int>(b));
  if (breakage().broken()) TellBreak();
  return breakage().status();
}

// How long to sleep before the next look.
double MpiGroup::PauseSeconds(double waited) {
  if (!std::exchange(sharp_timer_, true)) {
    // Linux ends a short sleep up to 50 us late unless asked not to.
    ::prctl(PR_SET_TIMERSLACK, 1000UL);
  }
  return BackOffSeconds(waited);
}

Status MpiGroup::Finish(int bucket, double timeout_seconds) {
  const Flight& flight = flights_[static_cast<std::size_t>(bucket)];
  const double start = clock_.Monotonic();
  double last_news = start;
  while (true) {
    BESOM_RETURN_IF_ERROR(Move());
    if (flight.done) return Status::Ok();
    const double now = clock_.Monotonic();
    if (moved_) last_news = now;
    const double left = timeout_seconds - (now - start);
    if (left <= 0) {
      breakage().Set(rank(), LateError(timeout_seconds, Awaited(bucket)));
      continue;
    }
    const double pause = std::min(PauseSeconds(now - last_news), left);
    // Not sched_yield: where all cores are busy it can cost milliseconds.
    if (pause > 0) signal_.Wait(pause);
  }
}

// Whom this rank waits for, for people: those whose parts are missing, else
// all that have not sent or taken a sum, who may wait for another one.
std::string MpiGroup::Awaited(int bucket) const {
  const Flight& flight = flights_[static_cast<std::size_t>(bucket)];
  std::vector<int> peers;
  for (const Transfer& it : flight.parts.empty() ? flight.others : flight.parts)
    peers.push_back(it.peer);
  std::ranges::sort(peers);
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
  for (int& peer : peers) peer = ranks_[static_cast<std::size_t>(peer)];
  return fmt::format("; waiting for rank {}", fmt::join(peers, ", "));
}

void MpiGroup::BreakFor(int peer, int code, const char* call) {
  const int world_rank = ranks_[static_cast<std::size_t>(peer)];
  if (IsRankFailure(code)) {
    breakage().Set(peer, Status(StatusCode::kUnavailable,
                                fmt::format("rank {}", world_rank), "died",
                                "the same command resumes"));
  } else {
    breakage().Set(rank(), MpiStatus(code, call));
  }
}

// Looks for the breaks of others, and for their deaths.
void MpiGroup::HearBreaks() {
  for (int peer = 0; peer < size() && !breakage().broken(); ++peer) {
    if (peer == rank()) continue;
    const int world_rank = ranks_[static_cast<std::size_t>(peer)];
    const int tag = TagOf(kBreak, 0);
    int found = 0;
    int code =
        MPI_Iprobe(world_rank, tag, channel_->comm, &found, MPI_STATUS_IGNORE);
    std::string text(kBreakBytes, '\0');
    if (code == MPI_SUCCESS && found)
      code = MPI_Recv(text.data(), static_cast<int>(text.size()), MPI_BYTE,
                      world_rank, tag, channel_->comm, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS) {
      BreakFor(peer, code, "MPI_Iprobe");
    } else if (found) {
      const std::size_t middle = text.find(kSeparator);
      breakage().Set(
          peer,
          Status(StatusCode::kUnavailable, fmt::format("rank {}", world_rank),
                 text.substr(0, middle), text.substr(middle + 1).c_str()));
    }
  }
}

// Once. All are told, also by those who were told: whoever broke it may have
// died before it told everybody.
void MpiGroup::TellBreak() {
  if (std::exchange(told_, true)) return;
  const Status status = breakage().status();
  std::string text = status.cause().substr(0, kBreakBytes / 2 - 1) +
                     kSeparator + status.cure().substr(0, kBreakBytes / 2 - 1);
  break_text_ = std::make_shared<const std::string>(std::move(text));
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank()) continue;
    Transfer it{.peer = peer};
    const int code =
        MPI_Isend(break_text_->data(), static_cast<int>(break_text_->size()),
                  MPI_BYTE, ranks_[static_cast<std::size_t>(peer)],
                  TagOf(kBreak, 0), channel_->comm, &it.request);
    if (code == MPI_SUCCESS) break_sends_.push_back(it);
  }
}

// Leaves to the channel what MPI has not finished.
void MpiGroup::Leave() {
  MpiGroupChannel::Remains remains{.text = break_text_};
  const auto take = [&remains](std::vector<Transfer>& list) {
    for (Transfer& it : list) {
      if (it.request == MPI_REQUEST_NULL) continue;
      if (it.receives) MPI_Cancel(&it.request);
      remains.requests.push_back(it.request);
    }
  };
  take(break_sends_);
  for (Flight& flight : flights_) {
    take(flight.parts);
    take(flight.others);
    for (auto& floats : flight.received)
      remains.floats.push_back(std::move(floats));
  }
  for (Bucket& bucket : TakeBuckets()) {
    remains.floats.push_back(std::move(bucket.sum));
    for (auto& part : bucket.parts) remains.floats.push_back(std::move(part));
  }
  channel_->remains.push_back(std::move(remains));
  channel_->Sweep();
}

}  // namespace besom::cluster
