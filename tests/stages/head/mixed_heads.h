#pragma once

#include <vector>

#include "stages/model/head/fit_data.h"

namespace besom::stages {

/// Eighteen heads, no two alike in what is allowed to differ.
inline std::vector<HeadToFit> MixedHeads() {
  const std::vector<std::vector<int>> widths = {
      {}, {1}, {3}, {16}, {20}, {64, 8}, {128}, {5, 33, 17}, {40}};
  std::vector<HeadToFit> heads;
  for (std::size_t i = 0; i < 18; ++i) {
    HeadToFit& fit = heads.emplace_back();
    fit.head.hidden = widths[i % widths.size()];
    fit.head.dropout = i % 4 == 0 ? 0.0 : 0.1 * static_cast<double>(i % 4);
    fit.head.init = i % 5 == 0 ? HeadInit::kGlorot : HeadInit::kTorch;
    TrainSettings& train = fit.train;
    train.epochs = 3 + static_cast<int>(i % 3);
    train.batch_size = i % 6 == 5 ? 32 : 8;
    train.optimizer = i == 9       ? OptimizerKind::kRmsProp
                      : i % 3 == 0 ? OptimizerKind::kAdam
                      : i % 3 == 1 ? OptimizerKind::kAdamW
                                   : OptimizerKind::kSgd;
    train.learning_rate = 1e-3 * static_cast<double>(1 + i);
    train.weight_decay = i % 2 == 0 ? 0.01 : 0.0;
    train.class_weights = i % 4 == 1 ? "balanced" : "none";
    train.balance =
        i % 7 == 6 ? ClassBalance::kUndersample : ClassBalance::kNone;
    train.label_smoothing = i % 5 == 2 ? 0.1 : 0.0;
    train.focal_gamma = i % 7 == 3 ? 2.0 : 0.0;
    train.mixup = i % 5 == 1 ? 0.4 : 0.0;
    train.clip_norm = i % 5 == 4 ? 0.5 : 0.0;
    train.ema = i % 4 == 2 ? 0.9 : 0.0;
    train.schedule.kind = static_cast<ScheduleKind>(i % 6);
    train.schedule.step_size = 1;
    train.schedule.patience = 0;
    train.warmup.epochs = i % 4 == 3 ? 1 : 0;
    train.keep_best = i % 6 != 4;
    train.seed = i / 2;
    train.own_order = i % 8 == 7;
    fit.key = {train.seed, 0, 0};
  }
  return heads;
}

}  // namespace besom::stages
