#include "stages/model/head/head_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace besom::stages {
namespace {

Status OutOfRange(std::string_view key, std::string_view range) {
  return InvalidError(std::string(key), fmt::format("must be {}", range));
}

Result<OptimizerKind> OptimizerOf(const std::string& name) {
  if (name == "adam") return OptimizerKind::kAdam;
  if (name == "adamw") return OptimizerKind::kAdamW;
  if (name == "sgd") return OptimizerKind::kSgd;
  if (name == "rmsprop") return OptimizerKind::kRmsProp;
  return OutOfRange("train.optimizer", "adam, adamw, sgd or rmsprop");
}

Result<ClassBalance> BalanceOf(const std::string& name) {
  if (name == "none") return ClassBalance::kNone;
  if (name == "undersample") return ClassBalance::kUndersample;
  if (name == "oversample") return ClassBalance::kOversample;
  return OutOfRange("train.balance", "none, undersample or oversample");
}

Status CheckRanges(const TrainSettings& s) {
  if (s.epochs < 1) return OutOfRange("train.epochs", "at least 1");
  if (s.batch_size < 1) return OutOfRange("train.batch_size", "at least 1");
  if (!(s.learning_rate > 0) || !std::isfinite(s.learning_rate))
    return OutOfRange("train.learning_rate", "above 0");
  if (!(s.weight_decay >= 0) || !std::isfinite(s.weight_decay))
    return OutOfRange("train.weight_decay", "at least 0");
  if (!(s.momentum >= 0 && s.momentum < 1))
    return OutOfRange("train.momentum", "in [0, 1)");
  if (!(s.label_smoothing >= 0 && s.label_smoothing < 1))
    return OutOfRange("train.label_smoothing", "in [0, 1)");
  if (!(s.focal_gamma >= 0) || !std::isfinite(s.focal_gamma))
    return OutOfRange("train.loss.gamma", "at least 0");
  if (!(s.mixup >= 0) || !std::isfinite(s.mixup))
    return OutOfRange("train.mixup", "at least 0");
  if (!(s.clip_norm >= 0) || !std::isfinite(s.clip_norm))
    return OutOfRange("train.clip_norm", "at least 0");
  if (!(s.ema >= 0 && s.ema < 1)) return OutOfRange("train.ema", "in [0, 1)");
  if (s.patience < 0)
    return OutOfRange("train.early_stopping.patience", "at least 0");
  return Status::Ok();
}

Status ReadKeep(const Json& keep, TrainSettings& s) {
  const std::string epoch = keep.at("epoch").get<std::string>();
  if (epoch != "best" && epoch != "last")
    return OutOfRange("train.keep.epoch", "best or last");
  const std::string goal = keep.at("goal").get<std::string>();
  if (goal != "minimize" && goal != "maximize")
    return OutOfRange("train.keep.goal", "minimize or maximize");
  s.keep_best = epoch == "best";
  s.keep_metric = keep.at("metric").get<std::string>();
  s.keep_minimize = goal == "minimize";
  return Status::Ok();
}

/// Of `train.loss`: a name, or a map with `type`.
Result<double> FocalGamma(const Json& loss) {
  constexpr double kUsual = 2;  // What Lin and others found best.
  const std::string name = loss.is_string()
                               ? loss.get<std::string>()
                               : loss.at("type").get<std::string>();
  if (name == "cross_entropy") return 0.0;
  if (name != "focal")
    return OutOfRange("train.loss", "cross_entropy or focal");
  return loss.is_string() ? kUsual : loss.value("gamma", kUsual);
}

Status ReadUnfrozen(const Json& train, TrainSettings& s) {
  s.base_learning_rate =
      train.value("base_learning_rate", s.base_learning_rate);
  if (!(s.base_learning_rate > 0) || !std::isfinite(s.base_learning_rate))
    return OutOfRange("train.base_learning_rate", "above 0");
  s.freeze_epochs = train.value("freeze_epochs", s.freeze_epochs);
  if (s.freeze_epochs < 0)
    return OutOfRange("train.freeze_epochs", "at least 0");
  BESOM_ASSIGN_OR_RETURN(
      s.batch_norm, ParseBatchNormMode(train.value("batch_norm", "affine")));
  return Status::Ok();
}

Result<TrainSettings> ReadTrain(const Json& train) {
  TrainSettings s;
  train.at("epochs").get_to(s.epochs);
  train.at("batch_size").get_to(s.batch_size);
  BESOM_ASSIGN_OR_RETURN(s.optimizer,
                         OptimizerOf(train.at("optimizer").get<std::string>()));
  train.at("learning_rate").get_to(s.learning_rate);
  BESOM_ASSIGN_OR_RETURN(s.schedule,
                         ScheduleSettings::FromJson(train.at("schedule")));
  BESOM_ASSIGN_OR_RETURN(
      s.warmup, WarmupSettings::FromJson(train.value("warmup", Json("none"))));
  train.at("weight_decay").get_to(s.weight_decay);
  s.momentum = train.value("momentum", s.momentum);
  s.clip_norm = train.value("clip_norm", s.clip_norm);
  s.ema = train.value("ema", s.ema);
  s.class_weights = train.at("class_weights");
  BESOM_ASSIGN_OR_RETURN(s.balance,
                         BalanceOf(train.at("balance").get<std::string>()));
  train.at("label_smoothing").get_to(s.label_smoothing);
  BESOM_ASSIGN_OR_RETURN(
      s.focal_gamma, FocalGamma(train.value("loss", Json("cross_entropy"))));
  s.mixup = train.value("mixup", s.mixup);
  train.at("early_stopping").at("patience").get_to(s.patience);
  BESOM_RETURN_IF_ERROR(ReadKeep(train.at("keep"), s));
  train.at("seed").get_to(s.seed);
  const std::string order = train.at("order").get<std::string>();
  if (order != "shared" && order != "own")
    return OutOfRange("train.order", "shared or own");
  s.own_order = order == "own";
  BESOM_RETURN_IF_ERROR(ReadUnfrozen(train, s));
  BESOM_RETURN_IF_ERROR(CheckRanges(s));
  return s;
}

Result<HeadSettings> ReadHead(const Json& model) {
  HeadSettings s;
  model.at("head").get_to(s.hidden);
  if (std::any_of(s.hidden.begin(), s.hidden.end(),
                  [](int width) { return width < 1; }))
    return OutOfRange("model.head", "widths of at least 1");
  const std::string init = model.at("head_init").get<std::string>();
  if (init != "torch" && init != "glorot")
    return OutOfRange("model.head_init", "torch or glorot");
  s.init = init == "torch" ? HeadInit::kTorch : HeadInit::kGlorot;
  model.at("dropout").get_to(s.dropout);
  if (!(s.dropout >= 0 && s.dropout < 1))
    return OutOfRange("model.dropout", "in [0, 1)");
  return s;
}

Result<std::vector<double>> NamedWeights(
    const Json& named, const std::vector<std::string>& classes) {
  std::vector<double> weights(classes.size(), 1.0);
  for (const auto& [name, weight] : named.items()) {
    const auto it = std::find(classes.begin(), classes.end(), name);
    if (it == classes.end())
      return InvalidError(
          "train.class_weights", fmt::format("there is no class '{}'", name),
          fmt::format("use one of {}", fmt::join(classes, ", ")));
    const bool good = weight.is_number() && weight.get<double>() >= 0 &&
                      std::isfinite(weight.get<double>());
    if (!good)
      return InvalidError(
          "train.class_weights",
          fmt::format("the weight of '{}' must be at least 0", name));
    weights[it - classes.begin()] = weight.get<double>();
  }
  return weights;
}

}  // namespace

Result<HeadSettings> HeadSettings::FromJson(const Json& model) {
  try {
    return ReadHead(model);
  } catch (const Json::exception& error) {
    return InvalidError("model", error.what());
  }
}

Result<TrainSettings> TrainSettings::FromJson(const Json& train) {
  try {
    return ReadTrain(train);
  } catch (const Json::exception& error) {
    return InvalidError("train", error.what());
  }
}

Result<std::vector<double>> ClassWeights(
    const Json& class_weights, const std::vector<std::string>& classes,
    const std::vector<int>& labels) {
  if (class_weights.is_object()) return NamedWeights(class_weights, classes);
  std::vector<double> weights(classes.size(), 1.0);
  if (class_weights == "none") return weights;
  if (class_weights != "balanced")
    return OutOfRange("train.class_weights",
                      "none, balanced or a map from class to weight");
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto n =
        std::count(labels.begin(), labels.end(), static_cast<int>(i));
    weights[i] = n == 0 ? 0.0
                        : static_cast<double>(labels.size()) /
                              (static_cast<double>(classes.size()) *
                               static_cast<double>(n));
  }
  return weights;
}

}  // namespace besom::stages
