#include "sweeps/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

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
  std::vector<Finding> sorted = findings_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Finding& a, const Finding& b) {
                     return std::tie(a.place.line, a.place.column) <
                            std::tie(b.place.line, b.place.column);
                   });
  std::string more;
  for (std::size_t i = 1; i < sorted.size() && i < kMostShown; ++i) {
    more +=
        fmt::format("\n{}: {}", sorted[i].place.ToString(), sorted[i].cause);
    if (!sorted[i].cure.empty())
      more += fmt::format("\n  cure: {}", sorted[i].cure);
  }
  if (sorted.size() > kMostShown)
    more += fmt::format("\nand {} more", sorted.size() - kMostShown);
  const Finding& first = sorted.front();
  const bool cured = !first.cure.empty();
  return InvalidError(first.place.ToString(),
                      cured ? first.cause : first.cause + more,
                      cured ? first.cure + more : "");
}

std::string JoinNames(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace besom::sweeps
