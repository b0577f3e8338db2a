#include "stages/model/head/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

std::int64_t WarmupSteps(const WarmupSettings& warmup,
                         std::int64_t steps_per_epoch) {
  return warmup.steps > 0 ? warmup.steps : warmup.epochs * steps_per_epoch;
}

// From `start` to `end` by half a cosine.
double HalfCosine(double start, double end, double share) {
  return end + (start - end) * (1 + std::cos(std::numbers::pi * share)) / 2;
}

}  // namespace

LearningRate::LearningRate(const TrainSettings& settings,
                           std::int64_t steps_per_epoch)
    : settings_(settings),
      steps_per_epoch_(steps_per_epoch),
      warmup_(WarmupSteps(settings.warmup, steps_per_epoch)),
      schedule_(std::max<std::int64_t>(
          1, settings.epochs * steps_per_epoch - warmup_)) {
  BESOM_CHECK(steps_per_epoch > 0, "an epoch without a step");
  state_.rate = settings.learning_rate;
}

double LearningRate::At(std::int64_t step) const {
  if (step >= warmup_) return Scheduled(step - warmup_);
  const double start = settings_.warmup.start_factor;
  const double share = static_cast<double>(step) / static_cast<double>(warmup_);
  return Scheduled(0) * (start + (1 - start) * share);
}

double LearningRate::Scheduled(std::int64_t step) const {
  const ScheduleSettings& s = settings_.schedule;
  const std::int64_t ended = step / steps_per_epoch_;
  const auto epoch = static_cast<double>(ended);
  switch (s.kind) {
    case ScheduleKind::kConstant:
      break;
    case ScheduleKind::kStep:
      return settings_.learning_rate *
             std::pow(s.gamma, std::floor(epoch / s.step_size));
    case ScheduleKind::kCosine:
      return Cosine(epoch);
    case ScheduleKind::kOneCycle:
      return OneCycle(static_cast<double>(step));
    case ScheduleKind::kInverseTime:
      return InverseTime(static_cast<double>(step));
    case ScheduleKind::kPlateau:
      return state_.rate;
  }
  return settings_.learning_rate;
}

double LearningRate::Cosine(double epoch) const {
  const ScheduleSettings& s = settings_.schedule;
  const double all =
      static_cast<double>(schedule_) / static_cast<double>(steps_per_epoch_);
  return HalfCosine(settings_.learning_rate, s.eta_min,
                    epoch / (s.t_max > 0 ? s.t_max : all));
}

double LearningRate::OneCycle(double step) const {
  const ScheduleSettings& s = settings_.schedule;
  const double top = s.max_lr > 0 ? s.max_lr : settings_.learning_rate;
  const double first = top / s.div_factor;
  const double last = first / s.final_div_factor;
  const auto steps = static_cast<double>(schedule_);
  const double peak = s.pct_start * steps - 1;  // The step of the largest.
  const bool rises = step <= peak;
  const double from = rises ? first : top, to = rises ? top : last;
  const double begin = rises ? 0 : peak, end = rises ? peak : steps - 1;
  const double share = end > begin ? (step - begin) / (end - begin) : 1;
  return s.anneal_linear ? from + (to - from) * share
                         : HalfCosine(from, to, share);
}

double LearningRate::InverseTime(double step) const {
  const double decay = settings_.schedule.decay;
  const double used =
      decay >= 0 ? decay : settings_.learning_rate / settings_.epochs;
  return settings_.learning_rate / (1 + used * step);
}

void LearningRate::AfterEpoch(int epoch, double loss) {
  const ScheduleSettings& s = settings_.schedule;
  if (s.kind != ScheduleKind::kPlateau) return;
  if ((epoch + 1) * steps_per_epoch_ <= warmup_) return;
  const double wanted = !state_.best ? 0
                        : s.threshold_absolute
                            ? *state_.best - s.threshold
                            : *state_.best * (1 - s.threshold);
  if (!state_.best || loss < wanted) {
    state_.best = loss;
    state_.bad_epochs = 0;
  } else {
    ++state_.bad_epochs;
  }
  if (state_.cooldown > 0) {
    --state_.cooldown;
    state_.bad_epochs = 0;
  }
  if (state_.bad_epochs <= s.patience) return;
  state_.cooldown = s.cooldown;
  state_.bad_epochs = 0;
  const double lower = std::max(state_.rate * s.factor, s.min_lr);
  if (state_.rate - lower > s.eps) state_.rate = lower;
}

}  // namespace besom::stages
