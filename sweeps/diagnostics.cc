#include "sweeps/diagnostics.h"

#include <fmt/format.h>

namespace besom::sweeps {
namespace {

constexpr std::size_t kMostShown = 10;

}  // namespace

std::string Place::ToString() const {
  if (line == 0) return origin;
  return fmt::format("{}:{}:{}", origin, line, column);
}

void Findings::Add(Place place, std::string cause, std::string cure) {
  findings_.push_back({std::move(place), std::move(cause), std::move(cure)});
}

Status Findings::ToStatus() const {
  if (findings_.empty()) return Status::Ok();
  const Finding& first = findings_.front();
  std::string cure = first.cure;
  for (std::size_t i = 1; i < findings_.size() && i < kMostShown; ++i) {
    const Finding& next = findings_[i];
    cure += fmt::format("\n{}: {}", next.place.ToString(), next.cause);
    if (!next.cure.empty()) cure += fmt::format("\n  cure: {}", next.cure);
  }
  if (findings_.size() > kMostShown)
    cure += fmt::format("\nand {} more", findings_.size() - kMostShown);
  return InvalidError(first.place.ToString(), first.cause, cure);
}

std::string JoinNames(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace besom::sweeps
