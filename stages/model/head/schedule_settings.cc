#include "stages/model/head/schedule_settings.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

namespace besom::stages {
namespace {

Result<ScheduleKind> KindOf(const std::string& name) {
  if (name == "constant") return ScheduleKind::kConstant;
  if (name == "step") return ScheduleKind::kStep;
  if (name == "cosine") return ScheduleKind::kCosine;
  if (name == "one_cycle") return ScheduleKind::kOneCycle;
  if (name == "inverse_time") return ScheduleKind::kInverseTime;
  if (name == "plateau") return ScheduleKind::kPlateau;
  return InvalidError("train.schedule",
                      fmt::format("there is no schedule '{}'", name),
                      "use constant, step, cosine, one_cycle, inverse_time or "
                      "plateau");
}

/// Collects what is wrong with a map's numbers; the first counts.
class Ranges {
 public:
  explicit Ranges(std::string section) : section_(std::move(section)) {}

  void Want(bool good, const char* key, const char* range) {
    if (!good && status_.ok())
      status_ = InvalidError(fmt::format("{}.{}", section_, key),
                             fmt::format("must be {}", range));
  }
  void Above0(double value, const char* key) {
    Want(value > 0 && std::isfinite(value), key, "above 0");
  }
  void AtLeast0(double value, const char* key) {
    Want(value >= 0 && std::isfinite(value), key, "at least 0");
  }
  const Status& status() const { return status_; }

 private:
  std::string section_;
  Status status_;
};

Status CheckRanges(const ScheduleSettings& s) {
  Ranges ranges("train.schedule");
  ranges.Want(s.step_size >= 1, "step_size", "at least 1");
  ranges.Want(s.gamma > 0 && s.gamma <= 1, "gamma", "above 0, at most 1");
  ranges.AtLeast0(s.t_max, "t_max");
  ranges.AtLeast0(s.eta_min, "eta_min");
  ranges.AtLeast0(s.max_lr, "max_lr");
  ranges.Want(s.pct_start >= 0 && s.pct_start <= 1, "pct_start", "in [0, 1]");
  ranges.Above0(s.div_factor, "div_factor");
  ranges.Above0(s.final_div_factor, "final_div_factor");
  ranges.Want((s.decay >= 0 || s.decay == -1) && std::isfinite(s.decay),
              "decay", "at least 0");
  ranges.Want(s.factor > 0 && s.factor < 1, "factor", "in (0, 1)");
  ranges.AtLeast0(s.patience, "patience");
  ranges.AtLeast0(s.threshold, "threshold");
  ranges.AtLeast0(s.cooldown, "cooldown");
  ranges.AtLeast0(s.min_lr, "min_lr");
  ranges.AtLeast0(s.eps, "eps");
  return ranges.status();
}

/// A number, or `missing` where the key is not there or says "auto".
double NumberOrAuto(const Json& map, const char* key, double missing) {
  const auto found = map.find(key);
  if (found == map.end() || *found == "auto") return missing;
  return found->get<double>();
}

Result<bool> IsSecond(const Json& map, const char* key, const char* first,
                      const char* second) {
  const std::string word = map.value(key, first);
  if (word == first) return false;
  if (word == second) return true;
  return InvalidError(fmt::format("train.schedule.{}", key),
                      fmt::format("must be {} or {}", first, second));
}

Result<ScheduleSettings> Read(const Json& map) {
  ScheduleSettings s;
  BESOM_ASSIGN_OR_RETURN(s.kind, KindOf(map.at("type").get<std::string>()));
  s.step_size = map.value("step_size", s.step_size);
  s.gamma = map.value("gamma", s.gamma);
  s.t_max = static_cast<int>(NumberOrAuto(map, "t_max", s.t_max));
  s.eta_min = map.value("eta_min", s.eta_min);
  s.max_lr = NumberOrAuto(map, "max_lr", s.max_lr);
  s.pct_start = map.value("pct_start", s.pct_start);
  s.div_factor = map.value("div_factor", s.div_factor);
  s.final_div_factor = map.value("final_div_factor", s.final_div_factor);
  BESOM_ASSIGN_OR_RETURN(s.anneal_linear,
                         IsSecond(map, "anneal_strategy", "cos", "linear"));
  s.decay = NumberOrAuto(map, "decay", s.decay);
  s.factor = map.value("factor", s.factor);
  s.patience = map.value("patience", s.patience);
  s.threshold = map.value("threshold", s.threshold);
  BESOM_ASSIGN_OR_RETURN(s.threshold_absolute,
                         IsSecond(map, "threshold_mode", "rel", "abs"));
  s.cooldown = map.value("cooldown", s.cooldown);
  s.min_lr = map.value("min_lr", s.min_lr);
  s.eps = map.value("eps", s.eps);
  BESOM_RETURN_IF_ERROR(CheckRanges(s));
  return s;
}

}  // namespace

Result<ScheduleSettings> ScheduleSettings::FromJson(const Json& schedule) {
  try {
    return Read(schedule.is_string() ? Json{{"type", schedule}} : schedule);
  } catch (const Json::exception& error) {
    return InvalidError("train.schedule", error.what());
  }
}

Result<WarmupSettings> WarmupSettings::FromJson(const Json& warmup) {
  try {
    WarmupSettings s;
    if (warmup == "none") return s;
    s.epochs = warmup.value("epochs", s.epochs);
    s.steps = warmup.value("steps", s.steps);
    s.start_factor = warmup.value("start_factor", s.start_factor);
    Ranges ranges("train.warmup");
    ranges.AtLeast0(s.epochs, "epochs");
    ranges.AtLeast0(s.steps, "steps");
    ranges.Want(s.epochs == 0 || s.steps == 0, "steps",
                "0 where train.warmup.epochs is above 0");
    ranges.Want(s.start_factor >= 0 && s.start_factor <= 1, "start_factor",
                "in [0, 1]");
    BESOM_RETURN_IF_ERROR(ranges.status());
    return s;
  } catch (const Json::exception& error) {
    return InvalidError("train.warmup", error.what());
  }
}

}  // namespace besom::stages
