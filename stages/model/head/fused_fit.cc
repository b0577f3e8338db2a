#include "stages/model/head/fused_fit.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <tuple>
#include <utility>

#include "pipeline/base/worker_threads.h"
#include "stages/model/flushed_denormals.h"
#include "stages/model/head/epoch_draws.h"
#include "stages/model/head/fit_run.h"
#include "stages/model/head/head_training.h"

namespace besom::stages {
namespace {

// Rows that all heads pass before the next ones: a share of the last level of
// cache, and so many steps that a head's own numbers, which must come from
// there too, are fetched seldom. Changes no bit.
constexpr std::size_t kBlockBytes = std::size_t{16} << 20;

// A head of the group and its state.
struct Member {
  const HeadToFit* head = nullptr;
  std::size_t place = 0;  // In the caller's list.
  std::unique_ptr<FitRun> run;
  std::span<const std::size_t> order;  // Of this epoch.
  Status status;

  bool running() const { return status.ok() && (!run || run->running()); }
};

// One weight is one unit of work a step.
std::int64_t WorkOf(const HeadToFit& head, int inputs, int classes) {
  std::int64_t work = 0;
  for (const int width : head.head.hidden) {
    work += std::int64_t{inputs} * PaddedWidth(width);
    inputs = width;
  }
  return work + std::int64_t{inputs} * PaddedWidth(classes);
}

class FusedFit {
 public:
  FusedFit(const FitData& data, std::span<const HeadToFit> heads,
           std::uint64_t sweep_seed,
           const std::function<bool(double)>& progress, int threads,
           const HeadKernels& kernels);

  Result<std::vector<Result<FitResult>>> Run();

 private:
  void Start(Member& member);
  /// The earliest epoch that some member has to train.
  std::optional<int> FirstEpoch() const;
  void SaveWhatIsDue();
  Status RunEpoch(int epoch);
  void DrawOrders(int epoch);
  void RunBlock(Member& member, std::size_t end,
                std::span<const float* const> rows);
  void ForEachRunning(const std::function<void(Member&)>& work);
  void Report(int epochs);

  const FitData& data_;
  const std::uint64_t sweep_seed_;
  const std::function<bool(double)>& progress_;
  const int threads_;
  const HeadKernels& kernels_;
  std::vector<Member> members_;  // The widest first: they end together.
  // What decides an epoch's order -> that order.
  using OrderKey = std::tuple<bool, std::uint64_t, ClassBalance, int, int>;
  std::map<OrderKey, std::vector<std::size_t>> orders_;
  std::int64_t epochs_ = 0;  // Of all heads.
  std::atomic<bool> stop_ = false;
  std::mutex reporting_;
  std::int64_t done_ = 0;  // Epochs; protected by reporting_.
};

FusedFit::FusedFit(const FitData& data, std::span<const HeadToFit> heads,
                   std::uint64_t sweep_seed,
                   const std::function<bool(double)>& progress, int threads,
                   const HeadKernels& kernels)
    : data_(data),
      sweep_seed_(sweep_seed),
      progress_(progress),
      threads_(threads),
      kernels_(kernels),
      members_(heads.size()) {
  for (std::size_t i = 0; i < heads.size(); ++i) {
    members_[i].head = &heads[i];
    members_[i].place = i;
    epochs_ += heads[i].train.epochs;
  }
  const int classes = static_cast<int>(data.classes.size());
  std::stable_sort(members_.begin(), members_.end(),
                   [&](const Member& a, const Member& b) {
                     return WorkOf(*a.head, data.dimension, classes) >
                            WorkOf(*b.head, data.dimension, classes);
                   });
}

Result<std::vector<Result<FitResult>>> FusedFit::Run() {
  const FlushedDenormals flushed;
  ForEachRunning([this](Member& member) { Start(member); });
  while (!stop_) {
    const std::optional<int> epoch = FirstEpoch();
    if (!epoch) break;
    BESOM_RETURN_IF_ERROR(RunEpoch(*epoch));
    SaveWhatIsDue();
  }
  if (stop_)
    return Status(StatusCode::kInterrupted, "fine_tune", "asked to stop");
  std::vector<Result<FitResult>> results(members_.size(), FitResult());
  for (Member& member : members_) {
    if (member.status.ok())
      results[member.place] = member.run->Finish();
    else
      results[member.place] = member.status;
  }
  return results;
}

void FusedFit::Start(Member& member) {
  const HeadToFit& head = *member.head;
  member.status = FitRun::Check(data_, head);
  if (!member.status.ok()) return Report(head.train.epochs);
  auto trainer = std::make_unique<HeadTraining>(
      InitialWeights(data_.dimension, head.head.hidden,
                     static_cast<int>(data_.classes.size()), head.head.init,
                     head.key),
      head.train, kernels_);
  member.run =
      std::make_unique<FitRun>(data_, head, kernels_, std::move(trainer));
  if (head.checkpoint == nullptr) return;
  std::optional<std::string> saved = head.checkpoint->Load();
  if (!saved) return;
  member.run->Resume(*std::move(saved));
  Report(member.running() ? member.run->epoch() : head.train.epochs);
}

std::optional<int> FusedFit::FirstEpoch() const {
  std::optional<int> first;
  for (const Member& member : members_)
    if (member.running())
      first =
          std::min(first.value_or(member.run->epoch()), member.run->epoch());
  return first;
}

void FusedFit::SaveWhatIsDue() {
  const auto moment =
      stop_ ? Checkpoint::Moment::kStop : Checkpoint::Moment::kEpoch;
  for (const Member& member : members_)
    if (member.run && member.status.ok()) member.run->SaveIfDue(moment);
}

Status FusedFit::RunEpoch(int epoch) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<const float*> rows,
                         data_.train_rows(epoch));
  DrawOrders(epoch);
  std::size_t images = 0;
  for (const auto& [key, order] : orders_)
    images = std::max(images, order.size());
  const std::size_t block =
      std::max(std::size_t{1},
               kBlockBytes /
                   (sizeof(float) * static_cast<std::size_t>(data_.dimension)));
  for (std::size_t begin = 0; begin < images && !stop_; begin += block)
    ForEachRunning([&](Member& member) {
      // Those whose order is shorter have ended the epoch; those with a
      // checkpoint may be ahead.
      if (member.run->epoch() == epoch) RunBlock(member, begin + block, rows);
    });
  return Status::Ok();
}

void FusedFit::DrawOrders(int epoch) {
  orders_.clear();
  for (Member& member : members_) {
    if (!member.running() || member.run->epoch() != epoch) continue;
    const TrainSettings& train = member.head->train;
    const FitKey& key = member.head->key;
    const OrderKey order{train.own_order, train.own_order ? train.seed : 0,
                         train.balance, key.repeat, key.fold};
    auto found = orders_.find(order);
    if (found == orders_.end())
      found = orders_
                  .emplace(order, EpochOrder(data_.train_labels, train,
                                             sweep_seed_, key, epoch))
                  .first;
    member.order = found->second;
  }
}

void FusedFit::RunBlock(Member& member, std::size_t end,
                        std::span<const float* const> rows) {
  FitRun& run = *member.run;
  const int left = member.head->train.epochs - run.epoch();
  member.status = run.TrainUntil(end, rows, member.order);
  if (member.status.ok() && end < member.order.size()) return;
  if (member.status.ok()) member.status = run.EndEpoch().status();
  Report(member.running() ? 1 : left);
}

// Threads take the running members one by one; who takes which changes no bit.
void FusedFit::ForEachRunning(const std::function<void(Member&)>& work) {
  std::vector<Member*> running;
  for (Member& member : members_)
    if (member.running()) running.push_back(&member);
  RunInThreads(threads_, running.size(), [&](std::size_t i) {
    if (stop_) return;
    try {
      work(*running[i]);
    } catch (const std::bad_alloc&) {
      running[i]->status =
          Status(StatusCode::kOutOfMemory, "fine_tune", "out of memory",
                 "use fewer ranks on this machine");
    }
  });
}

void FusedFit::Report(int epochs) {
  const std::lock_guard lock(reporting_);
  done_ += epochs;
  if (!progress_) return;
  if (progress_(static_cast<double>(done_) / static_cast<double>(epochs_)))
    stop_ = true;
}

}  // namespace

Result<std::vector<Result<FitResult>>> FitHeads(
    const FitData& data, std::span<const HeadToFit> heads,
    std::uint64_t sweep_seed, const std::function<bool(double)>& progress,
    int threads, const HeadKernels& kernels) {
  return FusedFit(data, heads, sweep_seed, progress, threads, kernels).Run();
}

}  // namespace besom::stages
