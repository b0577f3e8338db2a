#include <array>

#include "db/sweep_rows.h"

namespace besom::db {
namespace {
constexpr std::array<std::string_view, 7> kNames = {
    "pending", "running", "done", "pruned", "failed", "preempted", "cancelled"};
}  // namespace

std::string_view NameOf(TrialState state) {
  return kNames[static_cast<std::size_t>(state)];
}

std::optional<TrialState> TrialStateOf(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<TrialState>(i);
  }
  return std::nullopt;
}

}  // namespace besom::db
