#include "pipeline/run/sweep_numerics.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "stages/model/numerics_tag.h"

namespace besom::run {
namespace {

constexpr std::string_view kAuto = "auto";
constexpr std::string_view kAutoPrefix = "auto=";
constexpr std::string_view kTrainingPrefix = "training=";

/// The first of `offered` with this precision on `device`; empty = none.
std::string FirstWith(std::string_view precision, std::string_view device,
                      const std::vector<std::string>& offered) {
  const auto found = std::ranges::find_if(offered, [&](std::string_view tag) {
    return stages::PrecisionOf(tag) == precision && IsOfDevice(tag, device);
  });
  return found == offered.end() ? "" : *found;
}

}  // namespace

bool IsOfDevice(std::string_view tag, std::string_view device) {
  return device == kAuto || stages::DeviceKindOf(tag) == device;
}

SweepNumerics SweepNumerics::FromText(std::string_view text) {
  SweepNumerics numerics;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    if (word.starts_with(kAutoPrefix))
      numerics.tags_.emplace(kAuto, word.substr(kAutoPrefix.size()));
    else if (word.starts_with(kTrainingPrefix))
      numerics.training_ = word.substr(kTrainingPrefix.size());
    else
      numerics.tags_.emplace(stages::PrecisionOf(word), word);
  }
  return numerics;
}

std::string SweepNumerics::ToText() const {
  std::string text;
  for (const auto& [precision, tag] : tags_)
    text += fmt::format("{}{}{}", text.empty() ? "" : " ",
                        precision == kAuto ? kAutoPrefix : "", tag);
  if (!training_.empty())
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", kTrainingPrefix,
                        training_);
  return text;
}

Status SweepNumerics::Resolve(const std::string& precision,
                              const std::string& device,
                              const std::vector<std::string>& offered) {
  std::string wanted = device;
  if (!tags_.empty()) {
    const std::string& first = tags_.begin()->second;
    if (!IsOfDevice(first, device))
      return InvalidError(
          "resources.device",
          fmt::format("is {}, and the sweep began with {}", device, first),
          "leave it as it was, or give the sweep another name");
    wanted = stages::DeviceKindOf(first);
  }
  if (tags_.contains(precision)) return Status::Ok();
  const std::string tag =
      FirstWith(precision == kAuto ? "fp32" : precision, wanted, offered);
  if (tag.empty())
    return Status(StatusCode::kUnavailable, "model.precision",
                  fmt::format("{}{} is not offered here; there are: {}",
                              precision, wanted == kAuto ? "" : " on " + wanted,
                              fmt::join(offered, ", ")),
                  "use fp32, or another machine");
  tags_.emplace(precision, tag);
  return Status::Ok();
}

Status SweepNumerics::ResolveTraining(const std::vector<std::string>& offered) {
  if (!training_.empty()) return Status::Ok();
  const auto found = std::ranges::find_if(offered, [](std::string_view tag) {
    return stages::DeviceKindOf(tag) == "cpu" &&
           stages::EngineOf(tag) == "libtorch" &&
           stages::PrecisionOf(tag) == "fp32";
  });
  if (found == offered.end())
    return Status(StatusCode::kUnavailable, "model.unfreeze",
                  fmt::format("no LibTorch trains bases here; there are: {}",
                              fmt::join(offered, ", ")),
                  "use none, or another machine");
  training_ = *found;
  return Status::Ok();
}

const std::string& SweepNumerics::TagOf(const std::string& precision) const {
  const auto found = tags_.find(precision);
  BESOM_CHECK(found != tags_.end(), precision + " is not resolved");
  return found->second;
}

}  // namespace besom::run
