#pragma once

#include <deque>

#include "cluster/communicator.h"
#include "cluster/wake_signal.h"

namespace besom::cluster {

/// The group of one rank: a process that was not started by mpirun.
class SelfCommunicator final : public Communicator {
 public:
  int rank() const noexcept override { return 0; }
  int size() const noexcept override { return 1; }
  Status Send(int to, std::string bytes) override;
  Result<std::optional<Message>> Receive(double timeout_seconds) override;
  void Wake() override;
  const std::vector<int>& FailedRanks() const override { return failed_; }
  Status Close() override;

 private:
  const std::vector<int> failed_{};
  std::deque<std::string> inbox_;
  bool closed_ = false;
  WakeSignal signal_;
};

}  // namespace besom::cluster
