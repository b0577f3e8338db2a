#pragma once

#include "cluster/host_group.h"

namespace besom::cluster {

/// The group of one rank, which computes all shards.
class SelfGroup final : public HostGroup {
 public:
  /// REQUIRES: shards >= 1.
  explicit SelfGroup(int shards);

  void Abort(const Status& reason) override;

 private:
  Status Add(int bucket) override;
  Status Begin(int bucket) override;
  Status Move() override;
  Status Finish(int bucket, double timeout_seconds) override;
};

}  // namespace besom::cluster
