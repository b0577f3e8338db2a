#pragma once

#include <memory>

#include "stages/stage.h"

namespace besom::stages {

/// What action keys hold; a constant so that planning needs no engine.
inline constexpr int kFeaturesStageVersion = 1;

/// Computes feature rows of images and views that no "prior" shard holds.
///
/// params: {backbone, weights: hex digest | "random", preprocessing, cut,
///   pooling, precision, numerics, size, augment: section | null,
///   views: [numbers], seed, contents: [hex]}
/// hints: {weights_path, threads, device?}
/// artifacts: "pixels" (shards that hold the contents), "split" (when a view
///   is >= 1: those views are made of contents in training in some fit only),
///   "prior" (feature shards whose rows are taken as they are)
/// blobs: "features", a FeatureShard: for each view in turn, the contents in
///   order, without those that could not be decoded.
/// counters: {rows, computed, reused, images}
///
/// Keeps the last engine between runs (keyed by all that made it).
std::unique_ptr<Stage> MakeFeaturesStage();

}  // namespace besom::stages
