#pragma once

#include <cstdint>
#include <functional>

#include "stages/audit/audit.h"
#include "stages/audit/audit_images.h"
#include "stages/stage.h"

namespace besom::stages {

/// Most classes whose pairs are compared; with more, only all classes are.
inline constexpr int kMostPairedClasses = 30;

/// Looks at the images of a data set from outside of the lung (AUDIT.md). A
/// function of (set, decoded, seed); `threads` and `progress` as in OutOfFold.
Result<Audit> ComputeAudit(const AuditSet& set, const DecodedImages& decoded,
                           std::uint64_t seed, int threads,
                           const std::function<bool(double)>& progress);

/// Stage "audit". Params {seed}; hint `threads`; artifacts "split"
/// (SplitTable), "pixels" (shards); blob "audit" (Audit).
class AuditStage final : public Stage {
 public:
  std::string_view name() const noexcept override { return "audit"; }
  int version() const noexcept override { return 2; }
  Result<StageOutput> Run(const StageInput& input) override;
};

}  // namespace besom::stages
