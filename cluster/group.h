#pragma once

#include <cstddef>

#include "cluster/shards.h"
#include "pipeline/base/result.h"

namespace besom::cluster {

/// The ranks that compute one data-parallel task together, and the sums that
/// they make.
///
/// The plan cuts each batch into shards() shards (R). The size() <= R ranks
/// (G) share them: rank g owns the shards of PieceOf(R, G, g). A bucket is a
/// vector of floats to be summed over all shards, say a layer's gradient. Its
/// use: write Part() of each shard that this rank owns, Start(), go on
/// computing, Wait(), read Sum().
///
/// Invariants:
/// (1) On CPUs Sum() is AddInOrder of the shards 0 to R-1: the same bits on
///     every rank, and for every G. A backend on GPUs states its tolerance.
/// (2) All members add and start the same buckets in the same order; several
///     may be in flight. Each Wait needs all members to have started.
/// (3) A group breaks when a member dies, leaves with buckets in flight, calls
///     Abort(), or does not come within the time that a Wait allows. From then
///     on every call on every member returns kUnavailable with the reason;
///     those that wait notice within seconds. A broken group stays broken.
/// (4) A bucket travels as slices: each rank gets one slice of all shards,
///     adds, and hands the sum to the others. A rank sends and receives about
///     (own shards + 1) * (G - 1) / G buckets, not R.
/// (5) Waiting does not spin.
/// Thread safety: one thread makes all calls, except Abort(), which any thread
/// may call as long as the group lives.
class Group {
 public:
  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  /// Leaves; never waits for the others. With buckets in flight, or after
  /// Abort(), the group breaks for the others.
  virtual ~Group() = default;

  /// This rank's number in the group; 0 is the leader, who reports results.
  virtual int rank() const noexcept = 0;
  virtual int size() const noexcept = 0;
  virtual int shards() const noexcept = 0;
  /// The shards that this rank computes.
  IndexRange own_shards() const {
    return PieceOf(static_cast<std::size_t>(shards()), size(), rank());
  }
  /// Whether Part() and Sum() point to memory of a GPU.
  virtual bool on_device() const noexcept { return false; }

  /// Makes a bucket of `floats` (0 too) floats, which lives as long as the
  /// group and is used again and again; returns its number: 0, 1, ...
  virtual Result<int> AddBucket(std::size_t floats) = 0;
  /// Where this rank writes its part for `shard`, an own one; zeros at first.
  /// Not to be touched between Start() and the end of Wait().
  virtual float* Part(int bucket, int shard) = 0;
  /// The sum, valid from Wait() to the next Start() of this bucket.
  virtual const float* Sum(int bucket) const = 0;

  /// Begins to sum; does not wait. REQUIRES: the bucket is not in flight.
  virtual Status Start(int bucket) = 0;
  /// Moves on what is in flight, for places in a long computation where other
  /// ranks may wait for this one; does not wait. An error is the group's.
  virtual Status Poll() = 0;
  /// Waits until the sum is there, at most `timeout_seconds`, after which the
  /// group is broken. REQUIRES: the bucket is in flight.
  virtual Status Wait(int bucket, double timeout_seconds) = 0;

  /// Breaks the group: `reason` (an error) is what the others are told. The
  /// first reason counts. Others hear of it at the latest when this rank
  /// calls next, or leaves.
  virtual void Abort(const Status& reason) = 0;
};

}  // namespace besom::cluster
