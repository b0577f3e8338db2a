#pragma once

#include <string_view>

#include "stages/stage.h"

namespace besom::stages {

/// Most rows (image x view) that the table of views lists; a larger training
/// set is listed up to the last whole image that fits, and the table says so.
/// The views themselves are functions of the settings: nothing reads the table
/// to compute them.
inline constexpr int kMostViewRows = 20000;

/// Stage "augment": what the views of the training images look like, for
/// people. Params {augment: <section>, seed}; artifacts "split" (SplitTable)
/// and "pixels" (shards). Blobs:
/// "views": JSON {settings, seed, training_images, listed_images, note?,
///   images: [{source, path, content, views: [{number, rotation, ...}]}]};
/// "sheet": PNG, some images of each class, columns view 0 .. min(V, 5).
class AugmentStage final : public Stage {
 public:
  std::string_view name() const noexcept override { return "augment"; }
  int version() const noexcept override { return 1; }
  Result<StageOutput> Run(const StageInput& input) override;
};

}  // namespace besom::stages
