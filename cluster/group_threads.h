#pragma once

#include <functional>
#include <memory>

#include "cluster/group.h"

namespace besom::cluster {

/// A Group whose members are threads of this process. Thread safety: any
/// thread.
class GroupThreads {
 public:
  /// REQUIRES: 1 <= size <= shards.
  GroupThreads(int size, int shards);
  ~GroupThreads();
  GroupThreads(const GroupThreads&) = delete;
  GroupThreads& operator=(const GroupThreads&) = delete;

  /// The member `rank`; it may outlive this object. Once for each rank.
  std::unique_ptr<Group> Join(int rank);

  /// Member `rank` dies: the group breaks.
  void Kill(int rank);

  /// Runs `body` as every member, each in a thread of its own, which leaves
  /// when it returns, and waits for all.
  void Run(const std::function<void(Group&)>& body);

 private:
  class Member;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace besom::cluster
