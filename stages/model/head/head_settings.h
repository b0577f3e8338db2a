#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/model/head/head_kernels.h"
#include "stages/model/head/schedule_settings.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

enum class HeadInit { kTorch, kGlorot };
enum class ClassBalance { kNone, kUndersample, kOversample };

/// What of `model` decides the head.
struct HeadSettings {
  std::vector<int> hidden{64};  ///< Widths; empty = a linear probe.
  HeadInit init = HeadInit::kTorch;
  double dropout = 0.5;  ///< Share of hidden units set to 0, [0, 1).

  /// kInvalid for values out of range or not built.
  static Result<HeadSettings> FromJson(const Json& model);
};

/// The `train` section.
struct TrainSettings {
  int epochs = 25;
  int batch_size = 8;
  OptimizerKind optimizer = OptimizerKind::kAdam;
  double learning_rate = 1e-3;
  ScheduleSettings schedule;
  WarmupSettings warmup;
  double weight_decay = 0;  ///< AdamW: apart; else added to the gradient.
  double momentum = 0.9;    ///< SGD only.
  double clip_norm = 0;     ///< Largest norm of the whole gradient; 0 = any.
  /// Decay of the weights' moving average, which is then what is validated and
  /// kept: from the first step's weights on, average = decay * average + (1 -
  /// decay) * weights after each step (torch.optim.swa_utils.AveragedModel with
  /// get_ema_multi_avg_fn; timm's ModelEma would begin with the initial ones).
  /// 0 = off, [0, 1).
  double ema = 0;
  Json class_weights = "none";  ///< none | balanced | {class: weight}.
  ClassBalance balance = ClassBalance::kNone;
  double label_smoothing = 0;  ///< [0, 1).
  double focal_gamma = 0;      ///< At least 0; 0 = cross-entropy.
  double mixup = 0;            ///< Alpha of mixup; 0 = off.
  int patience = 0;            ///< Epochs without a better one; 0 = never stop.
  bool keep_best = true;       ///< Else the last epoch.
  std::string keep_metric = "loss";  ///< METRIC[/CLASS] of validation.
  bool keep_minimize = true;
  std::uint64_t seed = 0;
  bool own_order = false;
  // Of an unfrozen base:
  double base_learning_rate = 1e-5;
  int freeze_epochs = 0;  ///< Epochs in which the head is trained alone.
  BatchNormMode batch_norm = BatchNormMode::kAffine;

  bool operator==(const TrainSettings&) const = default;

  /// kInvalid for values out of range. Keys that came later may be missing.
  static Result<TrainSettings> FromJson(const Json& train);
};

/// Resolves class_weights against the training labels: one weight per class.
/// `balanced` = n / (number of classes * n_class); a class without training
/// images gets 0. A class that the map leaves out gets 1.
/// kInvalid when the map names an unknown class or a weight is not >= 0.
Result<std::vector<double>> ClassWeights(
    const Json& class_weights, const std::vector<std::string>& classes,
    const std::vector<int>& labels);

}  // namespace besom::stages
