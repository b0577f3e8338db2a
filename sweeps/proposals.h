#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "sweeps/spec.h"

namespace besom::sweeps {

/// One point of the search space: a value for each axis, none where a listed
/// trial leaves the axis out.
using Proposal = std::vector<std::optional<Json>>;

/// Proposes points one after the other, the same ones each time. One thread.
class Proposals {
 public:
  virtual ~Proposals() = default;
  /// The next point; none at the end.
  virtual Result<std::optional<Proposal>> Next() = 0;
  /// Points in all; none = endless.
  virtual std::optional<std::int64_t> total() const = 0;
};

/// The paths that a sweep varies: those of its axes, or of its listed trials
/// in the order of their first use.
std::vector<std::string> VariedPaths(const SweepSpec& spec);

/// The proposals of the sweep's method. kInvalid when a grid is larger than
/// can be counted.
Result<std::unique_ptr<Proposals>> MakeProposals(const SweepSpec& spec);

}  // namespace besom::sweeps
