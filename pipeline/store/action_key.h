#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/json.h"

namespace besom {

/// What a task is a function of. Absolute paths, rank and thread counts,
/// devices, memory and time are never part of it.
struct ActionInputs {
  std::string_view stage;
  int stage_version = 0;
  const Json& params;
  /// (port, key of the task that makes it), in the order of the plan.
  const std::vector<std::pair<std::string, Digest>>& inputs;
};

/// Bump when the recipe of the key itself changes.
inline constexpr int kActionKeyVersion = 1;

/// The address of an action: SHA-256 of the canonical text of its inputs.
Digest ActionKey(const ActionInputs& inputs);

}  // namespace besom
