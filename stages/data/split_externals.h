#pragma once

#include <string>
#include <vector>

#include "stages/data/split_groups.h"
#include "stages/data/split_parts.h"
#include "stages/data/split_stage.h"

namespace besom::stages {

/// Applies the overlap rule of the external sets (ComputeSplit, rule 4): leaves
/// out what shares a group or a picture with an image that any fit trains or
/// validates on; under `keep` it stays and is added to `leaks`, under `error`
/// it is kInvalid.
Status ScreenExternals(const SourceScan& scan,
                       const std::vector<FitParts>& fits,
                       ScreenedScan& screened, std::vector<std::string>& leaks);

/// The decisions as a table, without a receipt.
SplitTable TableOf(const SourceScan& scan,
                   const std::vector<std::string>& classes,
                   const ScreenedScan& screened,
                   const std::vector<FitParts>& fits,
                   const SplitOptions& options);

/// Where the images of sets stand that a split has not met: `later` holds
/// external entries only; the answer lists these alone, by the same rules as if
/// the split had met them (ComputeSplit), with the leaks in its receipt. Of the
/// images of `table`, `decoded` and `near` may know some or none: of the others
/// only equal files are found. `decoded` holds all contents of `later`.
/// Errors as ComputeSplit's. Pure.
Result<SplitTable> PlaceLaterSets(const SplitTable& table,
                                  const SourceScan& later,
                                  const DecodingOutcomes& decoded,
                                  const NearPairs& near);

}  // namespace besom::stages
