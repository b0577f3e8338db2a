#include "cluster/thread_communicator.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "cluster/wake_signal.h"
#include "pipeline/base/random.h"

namespace besom::cluster {
namespace {

struct Letter {
  std::string bytes;
  std::uint64_t arrival = 0;  // Its number among all that the receiver got.
  int hold = 0;               // Calls of Receive that still pass it over.
};

enum class Life { kAbsent, kAlive, kClosed, kDead };

}  // namespace

struct ThreadGroup::State {
  struct Rank {
    Life life = Life::kAbsent;
    std::vector<std::deque<Letter>> inbox;  // One queue for each sender.
    std::uint64_t arrivals = 0;
    std::uint64_t deliveries = 0;
    std::vector<std::uint64_t> sent;  // How many to each receiver.
    int sends = 0;
    bool woken = false;
    std::vector<int> deaths;  // In their order; published one after another.
    std::condition_variable condition;
  };

  State(int size, ThreadFaults chosen)
      : faults(std::move(chosen)), ranks(static_cast<std::size_t>(size)) {
    for (Rank& rank : ranks) {
      rank.inbox.resize(ranks.size());
      rank.sent.resize(ranks.size());
    }
  }

  Rank& At(int rank) { return ranks[static_cast<std::size_t>(rank)]; }
  void Die(int rank);
  void Deliver(int from, int to, std::string bytes);
  std::optional<Message> Take(int self);
  bool HasLetters(int self);

  const ThreadFaults faults;
  std::mutex mutex;         // Guards all that follows.
  std::vector<Rank> ranks;  // Never resized: conditions do not move.
};

void ThreadGroup::State::Die(int rank) {
  if (At(rank).life == Life::kDead || At(rank).life == Life::kClosed) return;
  At(rank).life = Life::kDead;
  At(rank).condition.notify_one();
  for (Rank& other : ranks) {
    if (faults.lose_in_flight) other.inbox[rank].clear();
    other.deaths.push_back(rank);
    other.condition.notify_one();
  }
}

void ThreadGroup::State::Deliver(int from, int to, std::string bytes) {
  const std::uint64_t number = At(from).sent[to]++;
  Rank& receiver = At(to);
  if (receiver.life == Life::kDead || receiver.life == Life::kClosed) return;
  Letter letter{std::move(bytes), receiver.arrivals++, 0};
  if (faults.max_hold > 0) {
    KeyedRandom random(faults.seed, "cluster hold",
                       {static_cast<std::uint64_t>(from),
                        static_cast<std::uint64_t>(to), number});
    letter.hold = static_cast<int>(
        random.Below(static_cast<std::uint64_t>(faults.max_hold) + 1));
  }
  receiver.inbox[from].push_back(std::move(letter));
  receiver.condition.notify_one();
}

bool ThreadGroup::State::HasLetters(int self) {
  return std::ranges::any_of(At(self).inbox,
                             [](const auto& queue) { return !queue.empty(); });
}

// Takes a letter that is not held from the head of some sender's queue.
std::optional<Message> ThreadGroup::State::Take(int self) {
  Rank& rank = At(self);
  std::vector<int> ready;
  for (int from = 0; from < static_cast<int>(ranks.size()); ++from) {
    auto& queue = rank.inbox[from];
    if (queue.empty()) continue;
    if (queue.front().hold > 0) {
      --queue.front().hold;
    } else {
      ready.push_back(from);
    }
  }
  if (ready.empty()) return std::nullopt;
  std::ranges::sort(ready, {},
                    [&](int from) { return rank.inbox[from].front().arrival; });
  std::size_t choice = 0;
  if (faults.reorder) {
    KeyedRandom random(faults.seed, "cluster order",
                       {static_cast<std::uint64_t>(self), rank.deliveries});
    choice = random.Below(ready.size());
  }
  ++rank.deliveries;
  auto& queue = rank.inbox[ready[choice]];
  Message message{ready[choice], std::move(queue.front().bytes)};
  queue.pop_front();
  return message;
}

class ThreadGroup::Member final : public Communicator {
 public:
  Member(std::shared_ptr<State> state, int rank)
      : state_(std::move(state)), rank_(rank) {}
  ~Member() override {
    if (!closed_) (void)Close();
  }

  int rank() const noexcept override { return rank_; }
  int size() const noexcept override {
    return static_cast<int>(state_->ranks.size());
  }
  const std::vector<int>& FailedRanks() const override { return failed_; }

  Status Send(int to, std::string bytes) override {
    BESOM_CHECK(to >= 0 && to < size(),
                "rank " + std::to_string(to) + " of " + std::to_string(size()));
    BESOM_CHECK(!closed_, "the channel is closed");
    const std::lock_guard lock(state_->mutex);
    const auto fault = state_->faults.die_at_send.find(rank_);
    if (fault != state_->faults.die_at_send.end() &&
        state_->At(rank_).sends++ == fault->second)
      state_->Die(rank_);
    if (IsDead()) return Death();
    state_->Deliver(rank_, to, std::move(bytes));
    return Status::Ok();
  }

  Result<std::optional<Message>> Receive(double timeout_seconds) override {
    BESOM_CHECK(timeout_seconds >= 0, "a negative time to wait");
    BESOM_CHECK(!closed_, "the channel is closed");
    std::unique_lock lock(state_->mutex);
    WaitForNews(lock, timeout_seconds);
    if (IsDead()) return Death();
    State::Rank& self = state_->At(rank_);
    if (std::optional<Message> message = state_->Take(rank_)) return message;
    self.woken = false;
    PublishDeaths();
    return std::optional<Message>();
  }

  void Wake() override {
    const std::lock_guard lock(state_->mutex);
    state_->At(rank_).woken = true;
    state_->At(rank_).condition.notify_one();
  }

  Status Close() override {
    BESOM_CHECK(!closed_, "the channel is closed");
    closed_ = true;
    const std::lock_guard lock(state_->mutex);
    if (IsDead()) return Death();
    state_->At(rank_).life = Life::kClosed;
    for (auto& queue : state_->At(rank_).inbox) queue.clear();
    return Status::Ok();
  }

 private:
  bool IsDead() const { return state_->At(rank_).life == Life::kDead; }

  Status Death() const {
    return {StatusCode::kInterrupted, "rank " + std::to_string(rank_),
            "this rank was made to fail"};
  }

  void WaitForNews(std::unique_lock<std::mutex>& lock, double seconds) {
    State::Rank& self = state_->At(rank_);
    const auto has_news = [&] {
      return self.woken || self.life == Life::kDead ||
             self.deaths.size() > failed_.size() || state_->HasLetters(rank_);
    };
    if (seconds >= kForeverSeconds) {
      self.condition.wait(lock, has_news);
    } else if (seconds > 0) {
      self.condition.wait_for(lock, std::chrono::duration<double>(seconds),
                              has_news);
    }
  }

  // A death is told only when all that the rank sent was received.
  void PublishDeaths() {
    const State::Rank& self = state_->At(rank_);
    while (failed_.size() < self.deaths.size() &&
           self.inbox[self.deaths[failed_.size()]].empty())
      failed_.push_back(self.deaths[failed_.size()]);
  }

  const std::shared_ptr<State> state_;
  const int rank_;
  bool closed_ = false;
  std::vector<int> failed_;
};

ThreadGroup::ThreadGroup(int size, ThreadFaults faults)
    : state_(std::make_shared<State>(size, std::move(faults))) {
  BESOM_CHECK(size >= 1, "a group of " + std::to_string(size) + " ranks");
}

ThreadGroup::~ThreadGroup() = default;

int ThreadGroup::size() const { return static_cast<int>(state_->ranks.size()); }

std::unique_ptr<Communicator> ThreadGroup::Join(int rank) {
  const std::lock_guard lock(state_->mutex);
  State::Rank& self = state_->At(rank);
  BESOM_CHECK(self.life != Life::kAlive && self.life != Life::kClosed,
              "rank " + std::to_string(rank) + " joins twice");
  if (self.life == Life::kAbsent) self.life = Life::kAlive;
  return std::make_unique<Member>(state_, rank);
}

void ThreadGroup::Kill(int rank) {
  const std::lock_guard lock(state_->mutex);
  state_->Die(rank);
}

void ThreadGroup::Run(const std::function<void(Communicator&)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size(); ++rank) {
    threads.emplace_back([this, rank, &body] {
      const std::unique_ptr<Communicator> member = Join(rank);
      body(*member);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace besom::cluster
