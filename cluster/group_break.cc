#include "cluster/group_break.h"

#include <fmt/format.h>

#include <string>

#include "pipeline/base/check.h"

namespace besom::cluster {

bool GroupBreak::Set(int rank, const Status& reason) {
  BESOM_CHECK(!reason.ok(), "a group breaks for a reason");
  const std::lock_guard lock(mutex_);
  if (broken_) return false;
  const std::string place = reason.place().empty() ? "" : reason.place() + ": ";
  status_ = Status(StatusCode::kUnavailable,
                   "data-parallel group, member " + std::to_string(rank),
                   place + reason.cause(), reason.cure());
  broken_ = true;
  return true;
}

Status GroupBreak::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

Status LeftError() {
  return Status(StatusCode::kUnavailable, "", "left with sums under way");
}

Status LateError(double seconds, const std::string& who) {
  return Status(
      StatusCode::kUnavailable, "",
      fmt::format("not all members came within {:g} s{}", seconds, who),
      "a rank hangs, is stopped, or is far slower than the others");
}

}  // namespace besom::cluster
