#pragma once

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::stages {

enum class ScheduleKind {
  kConstant,
  kStep,
  kCosine,
  kOneCycle,
  kInverseTime,
  kPlateau,
};

/// `train.schedule`: how the learning rate goes on from train.learning_rate.
/// Parameters have the names and defaults of torch.optim.lr_scheduler (t_max:
/// T_max) and of Keras (decay); each belongs to the kinds named.
struct ScheduleSettings {
  ScheduleKind kind = ScheduleKind::kConstant;
  int step_size = 10;  ///< Step: epochs.
  double gamma = 0.1;  ///< Step.
  int t_max = 0;       ///< Cosine: epochs; 0 = all after the warm-up.
  double eta_min = 0;  ///< Cosine.
  double max_lr = 0;   ///< One cycle; 0 = the learning rate.
  double pct_start = 0.3, div_factor = 25, final_div_factor = 1e4;
  bool anneal_linear = false;  ///< One cycle; else by cosines.
  double decay = -1;           ///< Inverse time; -1 = learning rate / epochs.
  double factor = 0.1;         ///< Plateau, as all that follow.
  int patience = 10;           ///< Epochs.
  double threshold = 1e-4;
  bool threshold_absolute = false;
  int cooldown = 0;  ///< Epochs.
  double min_lr = 0, eps = 1e-8;

  bool operator==(const ScheduleSettings&) const = default;

  /// From a kind's name, or a map with `type` and any parameters. kInvalid for
  /// what is out of range or unknown.
  static Result<ScheduleSettings> FromJson(const Json& schedule);
};

/// `train.warmup`: from start_factor times the schedule's first learning rate
/// up to it in equal steps, before the schedule begins.
struct WarmupSettings {
  int epochs = 0;
  int steps = 0;  ///< Instead of epochs; 0 in both = no warm-up.
  double start_factor = 0.01;

  bool operator==(const WarmupSettings&) const = default;

  /// From "none" or a map of any of these. kInvalid for what is out of range.
  static Result<WarmupSettings> FromJson(const Json& warmup);
};

}  // namespace besom::stages
