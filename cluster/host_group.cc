#include "cluster/host_group.h"

#include <algorithm>
#include <string>
#include <utility>

#include "pipeline/base/check.h"

namespace besom::cluster {

HostGroup::HostGroup(int rank, int size, int shards,
                     std::shared_ptr<GroupBreak> breakage)
    : rank_(rank),
      size_(size),
      shards_(shards),
      breakage_(std::move(breakage)) {
  BESOM_CHECK(rank >= 0 && rank < size && size <= shards,
              "rank " + std::to_string(rank) + " of " + std::to_string(size) +
                  " for " + std::to_string(shards) + " shards");
}

const HostGroup::Bucket& HostGroup::At(int bucket) const {
  BESOM_CHECK(bucket >= 0 && bucket < static_cast<int>(buckets_.size()),
              "there is no bucket " + std::to_string(bucket));
  return buckets_[static_cast<std::size_t>(bucket)];
}

HostGroup::Bucket& HostGroup::At(int bucket) {
  return const_cast<Bucket&>(std::as_const(*this).At(bucket));
}

bool HostGroup::AnyInFlight() const {
  return std::ranges::any_of(buckets_, &Bucket::in_flight);
}

Result<int> HostGroup::AddBucket(std::size_t floats) {
  BESOM_RETURN_IF_ERROR(breakage_->status());
  buckets_.push_back(
      {.parts = {own_shards().size(), std::vector<float>(floats)},
       .sum = std::vector<float>(floats)});
  const int bucket = static_cast<int>(buckets_.size()) - 1;
  BESOM_RETURN_IF_ERROR(Add(bucket));
  return bucket;
}

float* HostGroup::Part(int bucket, int shard) {
  const IndexRange own = own_shards();
  const auto at = static_cast<std::size_t>(shard);
  BESOM_CHECK(shard >= 0 && at >= own.begin && at < own.end,
              "shard " + std::to_string(shard) + " is another rank's");
  return At(bucket).parts[at - own.begin].data();
}

const float* HostGroup::Sum(int bucket) const { return At(bucket).sum.data(); }

Status HostGroup::Start(int bucket) {
  BESOM_CHECK(!At(bucket).in_flight, "the bucket is in flight");
  At(bucket).in_flight = true;
  return Begin(bucket);
}

Status HostGroup::Poll() { return Move(); }

Status HostGroup::Wait(int bucket, double timeout_seconds) {
  BESOM_CHECK(At(bucket).in_flight, "the bucket is not in flight");
  BESOM_CHECK(timeout_seconds >= 0, "a negative time to wait");
  BESOM_RETURN_IF_ERROR(Finish(bucket, timeout_seconds));
  At(bucket).in_flight = false;
  return Status::Ok();
}

}  // namespace besom::cluster
