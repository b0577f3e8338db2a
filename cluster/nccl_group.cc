#include "cluster/nccl_group.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <nccl.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "cluster/back_off.h"
#include "cluster/cuda_devices.h"
#include "cluster/group_break.h"
#include "cluster/group_exchange.h"
#include "cluster/nccl_error.h"
#include "pipeline/base/check.h"
#include "pipeline/base/clock.h"

namespace besom::cluster {
namespace {

constexpr std::size_t kUuidBytes = 64;  // Room for the text.
// What leaving waits for NCCL to flush.
constexpr double kFlushSeconds = 5;

// Calls `look` until it says true, or an error, at most `seconds`. False when
// the time is over.
Result<bool> WaitUntil(const std::function<Result<bool>()>& look,
                       double seconds) {
  const SystemClock clock;
  const double start = clock.Monotonic();
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool done, look());
    const double waited = clock.Monotonic() - start;
    if (done || waited >= seconds) return done;
    std::this_thread::sleep_for(std::chrono::duration<double>(
        std::min(BackOffSeconds(waited), seconds - waited)));
  }
}

class NcclGroup final : public Group {
 public:
  NcclGroup(std::unique_ptr<Group> members, int device, double start_seconds)
      : members_(std::move(members)),
        device_(device),
        start_seconds_(start_seconds) {}
  ~NcclGroup() override;

  // Makes stream and communicator. An error has been told to the others.
  Status Open();

  int rank() const noexcept override { return members_->rank(); }
  int size() const noexcept override { return members_->size(); }
  int shards() const noexcept override { return members_->shards(); }
  bool on_device() const noexcept override { return true; }
  Result<int> AddBucket(std::size_t floats) override;
  float* Part(int bucket, int shard) override;
  const float* Sum(int bucket) const override;
  Status Start(int bucket) override;
  Status Poll() override;
  Status Wait(int bucket, double timeout_seconds) override;
  void Abort(const Status& reason) override { members_->Abort(reason); }

 private:
  // Memory of the GPU, owned.
  struct Bucket {
    std::size_t floats = 0;
    float* part = nullptr;
    float* sum = nullptr;
    cudaEvent_t written = nullptr, summed = nullptr;
    bool in_flight = false;
  };

  const Bucket& At(int bucket) const;
  Bucket& At(int bucket) {
    return const_cast<Bucket&>(std::as_const(*this).At(bucket));
  }
  Result<std::string> ShareId();
  Status Allocate(Bucket& bucket);
  Status Launch(Bucket& bucket);
  Result<bool> Settled();
  Status WaitForNccl();
  Status Break(const Status& reason);
  Status Check(int cuda_error, const char* call) {
    return CudaStatus(cuda_error, call);
  }
  void AbortNccl();
  void Free();

  const std::unique_ptr<Group> members_;
  const int device_;
  const double start_seconds_;
  cudaStream_t stream_ = nullptr;
  ncclComm_t comm_ = nullptr;
  std::vector<Bucket> buckets_;
};

NcclGroup::~NcclGroup() {
  const bool busy = std::ranges::any_of(buckets_, &Bucket::in_flight);
  if (busy) members_->Abort(LeftError());
  if (comm_ != nullptr && !busy && members_->Poll().ok() &&
      ncclCommFinalize(comm_) != ncclInvalidUsage) {
    const auto flushed = WaitUntil([this] { return Settled(); }, kFlushSeconds);
    if (flushed.ok() && *flushed) ncclCommDestroy(std::exchange(comm_, {}));
  }
  AbortNccl();
  Free();
}

void NcclGroup::AbortNccl() {
  if (comm_ != nullptr) ncclCommAbort(std::exchange(comm_, nullptr));
}

void NcclGroup::Free() {
  cudaSetDevice(device_);
  for (Bucket& bucket : buckets_) {
    cudaFree(bucket.part);
    cudaFree(bucket.sum);
    if (bucket.written != nullptr) cudaEventDestroy(bucket.written);
    if (bucket.summed != nullptr) cudaEventDestroy(bucket.summed);
  }
  if (stream_ != nullptr) cudaStreamDestroy(stream_);
}

// Tells the others and stops NCCL's kernels, which wait for them for ever.
Status NcclGroup::Break(const Status& reason) {
  members_->Abort(reason);
  AbortNccl();
  return members_->Poll();
}

// Whether NCCL is done with the last call; an error is NCCL's or the group's.
Result<bool> NcclGroup::Settled() {
  BESOM_RETURN_IF_ERROR(members_->Poll());
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
  if (asked == ncclSuccess && state == ncclInProgress) return false;
  BESOM_RETURN_IF_ERROR(
      NcclStatus(asked, "ncclCommGetAsyncError", ncclGetLastError(comm_)));
  BESOM_RETURN_IF_ERROR(
      NcclStatus(state, "communication", ncclGetLastError(comm_)));
  return true;
}

// Waits until what NCCL was asked for has begun.
Status NcclGroup::WaitForNccl() {
  BESOM_ASSIGN_OR_RETURN(
      const bool settled,
      WaitUntil([this] { return Settled(); }, start_seconds_));
  return settled ? Status::Ok() : NcclStartTimeout(start_seconds_);
}

// The leader's id, on every member.
Result<std::string> NcclGroup::ShareId() {
  ncclUniqueId id{};
  if (rank() == 0)
    BESOM_RETURN_IF_ERROR(NcclStatus(ncclGetUniqueId(&id), "ncclGetUniqueId"));
  BESOM_ASSIGN_OR_RETURN(GroupExchange exchange,
                         GroupExchange::Make(*members_, sizeof(id)));
  BESOM_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      exchange.All({id.internal, sizeof(id.internal)}, start_seconds_));
  return ids.front();
}

Status NcclGroup::Open() {
  BESOM_RETURN_IF_ERROR(Check(cudaSetDevice(device_), "cudaSetDevice"));
  BESOM_RETURN_IF_ERROR(
      Check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking),
            "cudaStreamCreateWithFlags"));
  BESOM_ASSIGN_OR_RETURN(const std::string text, ShareId());
  ncclUniqueId id{};
  std::ranges::copy(text, id.internal);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  const ncclResult_t code =
      ncclCommInitRankConfig(&comm_, size(), id, rank(), &config);
  if (code != ncclSuccess && code != ncclInProgress)
    return NcclStatus(code, "ncclCommInitRankConfig", ncclGetLastError(comm_));
  return WaitForNccl();
}

const NcclGroup::Bucket& NcclGroup::At(int bucket) const {
  BESOM_CHECK(bucket >= 0 && bucket < static_cast<int>(buckets_.size()),
              "there is no bucket " + std::to_string(bucket));
  return buckets_[static_cast<std::size_t>(bucket)];
}

Status NcclGroup::Allocate(Bucket& bucket) {
  const std::size_t bytes =
      std::max<std::size_t>(bucket.floats, 1) * sizeof(float);
  BESOM_RETURN_IF_ERROR(Check(cudaSetDevice(device_), "cudaSetDevice"));
  for (float** memory : {&bucket.part, &bucket.sum}) {
    BESOM_RETURN_IF_ERROR(Check(
        cudaMalloc(reinterpret_cast<void**>(memory), bytes), "cudaMalloc"));
    BESOM_RETURN_IF_ERROR(Check(cudaMemset(*memory, 0, bytes), "cudaMemset"));
  }
  for (cudaEvent_t* event : {&bucket.written, &bucket.summed})
    BESOM_RETURN_IF_ERROR(
        Check(cudaEventCreateWithFlags(event, cudaEventDisableTiming),
              "cudaEventCreateWithFlags"));
  return Status::Ok();
}

Result<int> NcclGroup::AddBucket(std::size_t floats) {
  BESOM_RETURN_IF_ERROR(Poll());
  const Status status = Allocate(buckets_.emplace_back(Bucket{floats}));
  if (!status.ok()) return Break(status);
  return static_cast<int>(buckets_.size()) - 1;
}

float* NcclGroup::Part(int bucket, int shard) {
  BESOM_CHECK(shard == rank(),
              "shard " + std::to_string(shard) + " is another rank's");
  return At(bucket).part;
}

const float* NcclGroup::Sum(int bucket) const { return At(bucket).sum; }

// The sum on a stream of its own, between what the default stream has done so
// far and what it does after Wait().
Status NcclGroup::Launch(Bucket& bucket) {
  BESOM_RETURN_IF_ERROR(Check(cudaSetDevice(device_), "cudaSetDevice"));
  BESOM_RETURN_IF_ERROR(
      Check(cudaEventRecord(bucket.written, nullptr), "cudaEventRecord"));
  BESOM_RETURN_IF_ERROR(Check(cudaStreamWaitEvent(stream_, bucket.written, 0),
                              "cudaStreamWaitEvent"));
  const ncclResult_t code =
      ncclAllReduce(bucket.part, bucket.sum, bucket.floats, ncclFloat32,
                    ncclSum, comm_, stream_);
  if (code != ncclSuccess && code != ncclInProgress)
    return NcclStatus(code, "ncclAllReduce", ncclGetLastError(comm_));
  // Nothing may follow on the communicator before the call is enqueued.
  BESOM_RETURN_IF_ERROR(WaitUntil([this] { return Settled(); },
                                  std::numeric_limits<double>::infinity())
                            .status());
  return Check(cudaEventRecord(bucket.summed, stream_), "cudaEventRecord");
}

Status NcclGroup::Start(int bucket) {
  BESOM_CHECK(!At(bucket).in_flight, "the bucket is in flight");
  BESOM_RETURN_IF_ERROR(Poll());
  At(bucket).in_flight = true;
  const Status status = Launch(At(bucket));
  return status.ok() ? status : Break(status);
}

Status NcclGroup::Poll() {
  const Status status = members_->Poll();
  if (!status.ok()) AbortNccl();
  return status;
}

Status NcclGroup::Wait(int bucket, double timeout_seconds) {
  BESOM_CHECK(At(bucket).in_flight, "the bucket is not in flight");
  BESOM_RETURN_IF_ERROR(Poll());
  Bucket& it = At(bucket);
  const auto summed = WaitUntil(
      [&]() -> Result<bool> {
        const cudaError_t state = cudaEventQuery(it.summed);
        if (state == cudaSuccess) return true;
        if (state != cudaErrorNotReady)
          return CudaStatus(state, "cudaEventQuery");
        BESOM_RETURN_IF_ERROR(Settled().status());
        return false;
      },
      timeout_seconds);
  if (!summed.ok()) return Break(summed.status());
  if (!*summed) return Break(LateError(timeout_seconds, ""));
  it.in_flight = false;
  const Status status =
      Check(cudaStreamWaitEvent(nullptr, it.summed, 0), "cudaStreamWaitEvent");
  return status.ok() ? status : Break(status);
}

// Refuses two members on one GPU before NCCL does, without its reason.
Status CompareDevices(Group& members, int device, double seconds) {
  BESOM_ASSIGN_OR_RETURN(std::string uuid, DeviceUuid(device));
  uuid.resize(kUuidBytes, ' ');
  BESOM_ASSIGN_OR_RETURN(GroupExchange exchange,
                         GroupExchange::Make(members, kUuidBytes));
  BESOM_ASSIGN_OR_RETURN(std::vector<std::string> uuids,
                         exchange.All(uuid, seconds));
  for (std::string& text : uuids) text.erase(text.find_last_not_of(' ') + 1);
  return CheckOneRankPerGpu(uuids);
}

}  // namespace

Status CheckOneRankPerGpu(const std::vector<std::string>& uuids) {
  for (std::size_t b = 0; b < uuids.size(); ++b) {
    const std::size_t a = static_cast<std::size_t>(
        std::ranges::find(uuids, uuids[b]) - uuids.begin());
    if (a == b) continue;
    return Status(
        StatusCode::kUnavailable, "NCCL",
        fmt::format("members {} and {} have the same GPU ({})", a, b, uuids[b]),
        "start at most one rank for each GPU (mpirun --map-by "
        "ppr:GPUS:node), or set resources.ranks_per_trial to the "
        "number of GPUs");
  }
  return Status::Ok();
}

Result<std::unique_ptr<Group>> OpenNcclGroup(std::unique_ptr<Group> members,
                                             int device, double start_seconds) {
  BESOM_CHECK(members->size() == members->shards(),
              "on GPUs a rank computes one shard");
  Group& told = *members;
  auto group =
      std::make_unique<NcclGroup>(std::move(members), device, start_seconds);
  Status status = CompareDevices(told, device, start_seconds);
  if (status.ok()) status = group->Open();
  if (!status.ok()) {
    told.Abort(status);
    return status;
  }
  return std::unique_ptr<Group>(std::move(group));
}

}  // namespace besom::cluster
