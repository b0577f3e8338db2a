#include "cluster/group_threads.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cluster/host_group.h"
#include "cluster/wake_signal.h"
#include "pipeline/base/check.h"

namespace besom::cluster {
namespace {

// A bucket as all members see it. Counts go up for ever: nobody begins a round
// before all slices of the one before are added.
struct SharedBucket {
  std::size_t floats = 0;
  std::vector<const float*> parts;  // By shard.
  std::vector<float*> sums;         // By rank.
  int started = 0, sliced = 0;      // By all members.
};

}  // namespace

class GroupThreads::Member final : public HostGroup {
 public:
  Member(std::shared_ptr<State> state, int rank);
  ~Member() override;

  void Abort(const Status& reason) override;

 private:
  friend struct State;
  using Memory = std::vector<Bucket>;
  // How far this member is with a bucket.
  struct Progress {
    int started = 0, sliced = 0;  // Rounds.
  };

  Status Add(int bucket) override;
  Status Begin(int bucket) override;
  Status Move() override;
  Status Finish(int bucket, double timeout_seconds) override;
  bool AddOneSlice(std::unique_lock<std::mutex>& lock);

  const std::shared_ptr<State> state_;
  std::vector<Progress> progress_;
};

struct GroupThreads::State {
  State(int size_in, int shards_in)
      : size(size_in), shards(shards_in), joined(size) {}

  void Break(int rank, const Status& reason) {
    breakage->Set(rank, reason);
    // Who looked before this holds the lock, or waits already.
    { const std::lock_guard lock(mutex); }
    changed.notify_all();
  }

  const int size, shards;
  const std::shared_ptr<GroupBreak> breakage = std::make_shared<GroupBreak>();
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<SharedBucket> buckets;  // Guarded by mutex, as all below.
  std::vector<bool> joined;
  // Of members that left: others may still be adding up.
  std::vector<Member::Memory> left;
};

GroupThreads::Member::Member(std::shared_ptr<State> state, int rank)
    : HostGroup(rank, state->size, state->shards, state->breakage),
      state_(std::move(state)) {}

GroupThreads::Member::~Member() {
  if (AnyInFlight()) Abort(LeftError());
  const std::lock_guard lock(state_->mutex);
  state_->left.push_back(TakeBuckets());
}

void GroupThreads::Member::Abort(const Status& reason) {
  state_->Break(rank(), reason);
}

Status GroupThreads::Member::Add(int bucket) {
  progress_.emplace_back();
  const std::lock_guard lock(state_->mutex);
  BESOM_RETURN_IF_ERROR(breakage().status());
  const auto at = static_cast<std::size_t>(bucket);
  if (at == state_->buckets.size()) {
    SharedBucket& it = state_->buckets.emplace_back();
    it.floats = At(bucket).sum.size();
    it.parts.resize(static_cast<std::size_t>(shards()));
    it.sums.resize(static_cast<std::size_t>(size()));
  }
  SharedBucket& it = state_->buckets[at];
  BESOM_CHECK(it.floats == At(bucket).sum.size(),
              "members differ in bucket " + std::to_string(bucket));
  for (std::size_t i = 0; i < At(bucket).parts.size(); ++i)
    it.parts[own_shards().begin + i] = At(bucket).parts[i].data();
  it.sums[static_cast<std::size_t>(rank())] = At(bucket).sum.data();
  return Status::Ok();
}

Status GroupThreads::Member::Begin(int bucket) {
  const auto at = static_cast<std::size_t>(bucket);
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->buckets[at].started;
    ++progress_[at].started;
  }
  state_->changed.notify_all();
  return Move();
}

// Adds this rank's slice of a bucket that all have started; false when there
// is none. Its parts rest until all slices are added, so no lock is held.
bool GroupThreads::Member::AddOneSlice(std::unique_lock<std::mutex>& lock) {
  for (std::size_t b = 0; b < progress_.size(); ++b) {
    SharedBucket& it = state_->buckets[b];
    if (progress_[b].sliced == progress_[b].started ||
        it.started < size() * progress_[b].started)
      continue;
    lock.unlock();
    const IndexRange slice = PieceOf(it.floats, size(), rank());
    std::vector<const float*> parts;
    for (const float* part : it.parts) parts.push_back(part + slice.begin);
    float* const mine = it.sums[static_cast<std::size_t>(rank())] + slice.begin;
    AddInOrder(parts, {mine, slice.size()});
    for (int to = 0; to < size(); ++to) {
      if (to == rank()) continue;
      std::copy_n(mine, slice.size(),
                  it.sums[static_cast<std::size_t>(to)] + slice.begin);
    }
    lock.lock();
    ++progress_[b].sliced;
    ++it.sliced;
    state_->changed.notify_all();
    return true;
  }
  return false;
}

Status GroupThreads::Member::Move() {
  std::unique_lock lock(state_->mutex);
  while (!breakage().broken() && AddOneSlice(lock)) {
  }
  return breakage().status();
}

Status GroupThreads::Member::Finish(int bucket, double timeout_seconds) {
  const auto at = static_cast<std::size_t>(bucket);
  const auto end =
      std::chrono::steady_clock::now() +
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(
          std::chrono::duration<double>(
              std::min(timeout_seconds, kForeverSeconds)));
  std::unique_lock lock(state_->mutex);
  bool late = false;
  while (!breakage().broken()) {
    if (AddOneSlice(lock)) continue;
    if (state_->buckets[at].sliced >= size() * progress_[at].started) break;
    if (late) {
      breakage().Set(rank(), LateError(timeout_seconds, ""));
      state_->changed.notify_all();
    } else {
      late = state_->changed.wait_until(lock, end) == std::cv_status::timeout;
    }
  }
  return breakage().status();
}

GroupThreads::GroupThreads(int size, int shards)
    : state_(std::make_shared<State>(size, shards)) {}

GroupThreads::~GroupThreads() = default;

std::unique_ptr<Group> GroupThreads::Join(int rank) {
  const std::lock_guard lock(state_->mutex);
  const auto at = static_cast<std::size_t>(rank);
  BESOM_CHECK(rank >= 0 && rank < state_->size && !state_->joined[at],
              "rank " + std::to_string(rank) + " joins once");
  state_->joined[at] = true;
  return std::make_unique<Member>(state_, rank);
}

void GroupThreads::Kill(int rank) {
  state_->Break(rank, Status(StatusCode::kUnavailable, "", "died"));
}

void GroupThreads::Run(const std::function<void(Group&)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < state_->size; ++rank)
    threads.emplace_back([this, rank, &body] { body(*Join(rank)); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace besom::cluster
