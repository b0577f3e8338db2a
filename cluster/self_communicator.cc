#include "cluster/self_communicator.h"

namespace besom::cluster {

Status SelfCommunicator::Send(int to, std::string bytes) {
  BESOM_CHECK(to == 0, "rank " + std::to_string(to) + " of 1");
  BESOM_CHECK(!closed_, "the channel is closed");
  inbox_.push_back(std::move(bytes));
  return Status::Ok();
}

Result<std::optional<Message>> SelfCommunicator::Receive(
    double timeout_seconds) {
  BESOM_CHECK(timeout_seconds >= 0, "a negative time to wait");
  BESOM_CHECK(!closed_, "the channel is closed");
  if (!inbox_.empty()) {
    Message message{0, std::move(inbox_.front())};
    inbox_.pop_front();
    return std::optional(std::move(message));
  }
  signal_.Wait(timeout_seconds);
  return std::optional<Message>();
}

void SelfCommunicator::Wake() { signal_.Set(); }

Status SelfCommunicator::Close() {
  BESOM_CHECK(!closed_, "the channel is closed");
  closed_ = true;
  return Status::Ok();
}

}  // namespace besom::cluster
