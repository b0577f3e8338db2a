#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/data/duplicate_pairs.h"
#include "stages/data/image_table.h"
#include "stages/data/split_table.h"
#include "stages/stage.h"

namespace besom::stages {

/// One row of `split.file`.
struct SplitRow {
  std::string image;        ///< Path within its source, or a unique file name.
  std::string split;        ///< train | validation | test.
  std::optional<int> fold;  ///< None = every fold.
};

/// What the split is asked for: the `split` section and what belongs to it.
struct SplitOptions {
  double test = 0.2;        ///< Share of all images.
  double validation = 0.2;  ///< Share of all images.
  bool stratify = true;
  bool group = true;
  int folds = 1;
  int repeats = 1;
  enum class Duplicates {
    kGroup,
    kDrop,
    kError
  } duplicates = Duplicates::kGroup;
  bool fail_on_bad_image = false;
  std::uint64_t seed = 0;
  std::optional<std::vector<SplitRow>> rows;  ///< Of `split.file`.

  /// From the stage's parameters (see SplitStage); kInvalid names the key.
  static Result<SplitOptions> FromJson(const Json& params);
};

/// What decoding told of one content.
struct DecodingOutcome {
  std::string error;  ///< Why it cannot be used; empty = decoded.
  Digest pixels;      ///< Of the decoded pixels.
};
using DecodingOutcomes = std::unordered_map<Digest, DecodingOutcome>;

/// Decides for every image of the scan where it stands in every fit. Pure.
///
/// Rules (beside INTERFACE "Groups" and "Folds"):
/// (1) A group is the set of images with equal (patients, group), joined with
///     the groups of its duplicates under `duplicates: group`. Duplicates are
///     equal files, equal decoded pixels, and what `near` lists. Near ones are
///     clustered around representatives, not by chains (split_duplicates.h);
///     an image that would tie two clusters of different groups is left out.
///     External sets never change a group.
/// (2) A part's share counts the images that `use:` has fixed for it; groups
///     that touch a fixed image follow it.
/// (3) `use: test` images make the test set fixed, as `test` > 0 does.
/// (4) An external image is left out of its set in every fit when its group or
///     a duplicate is trained or validated on in any fit, so that a set holds
///     the same images in all fits.
/// (5) Draws are keyed by (seed, "split", repeat, fold, the group's name), so
///     the order of the scan has no say.
///
/// (6) Duplicates of different labels are all left out, wherever they are from.
///
/// kInvalid for a class with too few groups, a group on two given sides, a
/// forbidden duplicate or bad image, or an external overlap with
/// `overlap: error`.
Result<SplitTable> ComputeSplit(const SourceScan& scan,
                                const std::vector<std::string>& classes,
                                const DecodingOutcomes& decoded,
                                const SplitOptions& options,
                                const NearPairs& near = {});

/// Stage "split". Params {split, classes, duplicates, seed, file_rows?,
/// on_bad_image?}; artifacts "scan" (SourceScan), "pixels" (shards),
/// "duplicates" (NearPairs; none = not looked for); blob "split" (SplitTable).
class SplitStage final : public Stage {
 public:
  std::string_view name() const noexcept override { return "split"; }
  int version() const noexcept override { return 2; }
  Result<StageOutput> Run(const StageInput& input) override;
};

}  // namespace besom::stages
