#include "cluster/self_group.h"

namespace besom::cluster {

SelfGroup::SelfGroup(int shards)
    : HostGroup(0, 1, shards, std::make_shared<GroupBreak>()) {}

void SelfGroup::Abort(const Status& reason) { breakage().Set(0, reason); }

Status SelfGroup::Add(int /*bucket*/) { return breakage().status(); }

Status SelfGroup::Begin(int bucket) {
  Bucket& it = At(bucket);
  std::vector<const float*> parts;
  for (const auto& part : it.parts) parts.push_back(part.data());
  AddInOrder(parts, it.sum);
  return breakage().status();
}

Status SelfGroup::Move() { return breakage().status(); }

Status SelfGroup::Finish(int /*bucket*/, double /*timeout_seconds*/) {
  return breakage().status();
}

}  // namespace besom::cluster
