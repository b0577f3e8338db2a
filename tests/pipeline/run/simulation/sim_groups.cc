// Tasks that several ranks compute together. As in the real thing
// (cluster/group.h) a member that cannot go on breaks the group, and the
// others report that.
#include <fmt/format.h>

#include <algorithm>

#include "tests/pipeline/run/simulation/sim_ranks.h"

namespace besom::testing {
namespace {

/// How long it takes at most until a member notices that its group is broken.
constexpr double kLongestNotice = 0.3;

/// How often a member hurts an input, beside how often outputs are damaged:
/// rarely, as all trials read some of the inputs.
constexpr double kHurtShare = 0.05;

Status BrokenError() {
  return {StatusCode::kUnavailable, "group", "a member failed"};
}

}  // namespace

bool SimWorld::AllJoined(const SimOrder& order) {
  return std::ranges::all_of(Parts(order), &SimPart::joined);
}

/// A member begins: reads its inputs and waits for the others.
void SimWorld::BeginPart(int number, std::size_t index) {
  SimOrder& order = orders_[index];
  SimPart& part = PartOf(order, number);
  if (interrupted_)
    return Decide(index, part, {StatusCode::kInterrupted, "task", "stopped"},
                  0);
  if (Chance(settings_.damage * kHurtShare)) DamageInput(order.task);
  if (Status read = ReadInputs(order.task, part); !read.ok()) {
    Decide(index, part, std::move(read), Uniform(random_) * kLongestNotice);
    return Break(index);
  }
  double seconds = 0;
  if (Hangs(order, seconds))
    return Push(now_ + seconds, What::kJoin, number, index);
  if (Dies(number))
    Push(now_ + 2 * Uniform(random_) * settings_.task_seconds, What::kDie,
         number, 0);
  Join(number, index);
}

/// An input is damaged after other members may have read it.
void SimWorld::DamageInput(TaskId task) {
  const std::vector<TaskInput>& inputs = plan_.sweep.graph[task].inputs;
  const auto drawn = static_cast<std::size_t>(
      Uniform(random_) * static_cast<double>(inputs.size()));
  SimStore::Blob& blob = store_.blobs[inputs[drawn].task];
  if (blob != SimStore::Blob::kWhole) return;
  Count(Fault::kDamagedForMember);
  blob = SimStore::Blob::kFlipped;
}

void SimWorld::Join(int number, std::size_t index) {
  SimOrder& order = orders_[index];
  SimPart& part = PartOf(order, number);
  if (!At(number).alive || part.decided) return;
  if (order.broken) return Decide(index, part, BrokenError(), 0);
  part.joined = true;
  if (!AllJoined(order))
    return Push(now_ + kSimGroupWait, What::kWaitedLong, number, index);
  const double seconds = interrupted_ ? 0 : SecondsOfTask();
  store_.seconds[order.task] = store_.elapsed[order.task] = seconds;
  Push(now_ + seconds, What::kTogether, number, index);
  if (seconds <= settings_.task_seconds) return;
  for (const SimPart& member : Parts(order)) SendProgress(member.rank, order);
}

/// The member's attempt ends so after `notice` seconds.
void SimWorld::Decide(std::size_t index, SimPart& part, Status status,
                      double notice) {
  if (part.decided) return;
  part.decided = true;
  part.status = std::move(status);
  Push(now_ + notice, What::kFinish, part.rank, index);
}

/// Those that are in the group come to know that it is broken; the rest when
/// they join.
void SimWorld::Break(std::size_t index) {
  SimOrder& order = orders_[index];
  if (order.broken) return;
  order.broken = true;
  for (SimPart& part : Parts(order))
    if (part.joined)
      Decide(index, part, BrokenError(), Uniform(random_) * kLongestNotice);
}

void SimWorld::ComputeTogether(std::size_t index) {
  SimOrder& order = orders_[index];
  if (order.broken || order.over) return;
  order.over = true;
  ++result_.tasks_computed;
  ++result_.groups_computed;
  const Status status = Outcome(order);
  if (status.code() == StatusCode::kIo ||
      status.code() == StatusCode::kOutOfMemory) {
    const auto drawn = static_cast<std::size_t>(
        Uniform(random_) * static_cast<double>(Parts(order).size()));
    Count(Fault::kMemberFailed);
    Decide(index, Parts(order)[drawn], status,
           Uniform(random_) * kLongestNotice);
    return Break(index);
  }
  // On the others they agree.
  for (SimPart& part : Parts(order)) Decide(index, part, status, 0);
}

/// A rank has died that has, or was sent, this order.
void SimWorld::LoseMember(int number, std::size_t index) {
  SimOrder& order = orders_[index];
  if (!order.OfSeveral()) return;
  SimPart& part = PartOf(order, number);
  if (!order.over && !order.broken)
    Count(&part == &Parts(order)[0] ? Fault::kGroupLostLeader
                                    : Fault::kGroupLostMember);
  part.decided = true;
  Break(index);
}

/// A member gives up waiting for those that have not begun.
void SimWorld::WaitedLong(std::size_t index) {
  SimOrder& order = orders_[index];
  if (order.broken || AllJoined(order)) return;
  for (const SimPart& part : Parts(order))
    if (!part.joined && !part.decided && !At(part.rank).ever_hung)
      Violate(fmt::format("'{}' waits for rank {} in vain",
                          plan_.sweep.graph[order.task].label, part.rank));
  Count(Fault::kGroupWaitedLong);
  Break(index);
}

}  // namespace besom::testing
