#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "cluster/group.h"
#include "cluster/group_break.h"

namespace besom::cluster {

/// What the groups with buckets in ordinary memory have in common: the
/// buckets, and the checks of what a caller may do. A backend moves them.
class HostGroup : public Group {
 public:
  /// REQUIRES: 0 <= rank < size <= shards.
  HostGroup(int rank, int size, int shards,
            std::shared_ptr<GroupBreak> breakage);

  int rank() const noexcept final { return rank_; }
  int size() const noexcept final { return size_; }
  int shards() const noexcept final { return shards_; }
  Result<int> AddBucket(std::size_t floats) final;
  float* Part(int bucket, int shard) final;
  const float* Sum(int bucket) const final;
  Status Start(int bucket) final;
  Status Poll() final;
  Status Wait(int bucket, double timeout_seconds) final;

 protected:
  struct Bucket {
    std::vector<std::vector<float>> parts;  // Of the own shards, in order.
    std::vector<float> sum;
    bool in_flight = false;
  };

  const Bucket& At(int bucket) const;
  Bucket& At(int bucket);
  bool AnyInFlight() const;
  /// For memory that others still use when this object ends.
  std::vector<Bucket> TakeBuckets() { return std::move(buckets_); }
  GroupBreak& breakage() const { return *breakage_; }

  /// The backend's part of the calls above, without what they check. They
  /// return breakage().status(), or OK.
  virtual Status Add(int bucket) = 0;
  virtual Status Begin(int bucket) = 0;
  virtual Status Move() = 0;
  virtual Status Finish(int bucket, double timeout_seconds) = 0;

 private:
  const int rank_, size_, shards_;
  const std::shared_ptr<GroupBreak> breakage_;
  std::vector<Bucket> buckets_;
};

}  // namespace besom::cluster
