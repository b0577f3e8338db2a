#include "stages/data/view.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "pipeline/base/check.h"
#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

constexpr int kMostViews = 100'000;

const char* NameOfFill(AugmentSettings::Fill fill) {
  switch (fill) {
    case AugmentSettings::Fill::kNearest:
      return "nearest";
    case AugmentSettings::Fill::kBlack:
      return "black";
    case AugmentSettings::Fill::kReflect:
      return "reflect";
  }
  BESOM_CHECK(false, std::to_string(static_cast<int>(fill)));
}

Status ReadAmount(const Json& augment, const char* key, double most,
                  double& amount) {
  const auto found = augment.find(key);
  if (found == augment.end()) return Status::Ok();
  if (!found->is_number() || !(*found >= 0.0) || *found > most)
    return InvalidError(fmt::format("augment.{}", key),
                        fmt::format("not a number from 0 to {}", most));
  amount = found->get<double>();
  return Status::Ok();
}

Status ReadFill(const Json& augment, AugmentSettings::Fill& fill) {
  static const std::map<std::string, AugmentSettings::Fill> kFills = {
      {"nearest", AugmentSettings::Fill::kNearest},
      {"black", AugmentSettings::Fill::kBlack},
      {"reflect", AugmentSettings::Fill::kReflect}};
  const auto found = augment.find("fill");
  if (found == augment.end()) return Status::Ok();
  const auto known = found->is_string() ? kFills.find(found->get<std::string>())
                                        : kFills.end();
  if (known == kFills.end())
    return InvalidError("augment.fill", "not nearest, black or reflect");
  fill = known->second;
  return Status::Ok();
}

}  // namespace

Result<AugmentSettings> AugmentSettings::FromJson(const Json& augment) {
  if (!augment.is_object()) return InvalidError("augment", "not a section");
  AugmentSettings settings;
  if (const auto views = augment.find("views"); views != augment.end()) {
    if (!views->is_number_integer() || *views < 0 || *views > kMostViews)
      return InvalidError(
          "augment.views",
          fmt::format("not an integer from 0 to {}", kMostViews));
    settings.views = views->get<int>();
  }
  BESOM_RETURN_IF_ERROR(
      ReadAmount(augment, "rotation", 180, settings.rotation));
  BESOM_RETURN_IF_ERROR(ReadAmount(augment, "shift", 1, settings.shift));
  BESOM_RETURN_IF_ERROR(ReadAmount(augment, "zoom", 0.95, settings.zoom));
  BESOM_RETURN_IF_ERROR(
      ReadAmount(augment, "brightness", 1, settings.brightness));
  BESOM_RETURN_IF_ERROR(ReadAmount(augment, "contrast", 1, settings.contrast));
  if (const auto flip = augment.find("horizontal_flip");
      flip != augment.end()) {
    if (!flip->is_boolean())
      return InvalidError("augment.horizontal_flip", "not true or false");
    settings.horizontal_flip = flip->get<bool>();
  }
  BESOM_RETURN_IF_ERROR(ReadFill(augment, settings.fill));
  return settings;
}

Json View::ToJson() const {
  return {{"rotation", rotation}, {"shift_x", shift_x},
          {"shift_y", shift_y},   {"scale", scale},
          {"flip", flip},         {"brightness", brightness},
          {"contrast", contrast}};
}

View DrawView(const AugmentSettings& settings, const Digest& content,
              int number, std::uint64_t sweep_seed) {
  BESOM_CHECK(number >= 1, std::to_string(number));
  KeyedRandom random(sweep_seed, "view",
                     {content.Prefix64(), static_cast<std::uint64_t>(number)});
  // All are drawn always and in this order, so that switching one on leaves
  // the others as they were.
  const auto around = [&](double reach) {
    return reach * random.Uniform(-1.0, 1.0);
  };
  View view;
  view.rotation = around(settings.rotation);
  view.shift_x = around(settings.shift);
  view.shift_y = around(settings.shift);
  view.scale = 1.0 + around(settings.zoom);
  view.flip = random.Uniform() < 0.5 && settings.horizontal_flip;
  view.brightness = around(settings.brightness);
  view.contrast = 1.0 + around(settings.contrast);
  return view;
}

std::string ViewKey(const AugmentSettings& settings, int number,
                    std::uint64_t sweep_seed) {
  if (number == 0) return "plain";
  return DigestOfJson({{"rotation", settings.rotation},
                       {"shift", settings.shift},
                       {"zoom", settings.zoom},
                       {"horizontal_flip", settings.horizontal_flip},
                       {"brightness", settings.brightness},
                       {"contrast", settings.contrast},
                       {"fill", NameOfFill(settings.fill)},
                       {"number", number},
                       {"seed", sweep_seed}})
      .Hex();
}

int ViewOfEpoch(const AugmentSettings& settings, const Digest& content,
                int epoch, std::uint64_t sweep_seed) {
  BESOM_CHECK(epoch >= 0, std::to_string(epoch));
  if (settings.views == 0) return 0;
  KeyedRandom random(sweep_seed, "first view", {content.Prefix64()});
  const auto views = static_cast<std::uint64_t>(settings.views);
  return 1 + static_cast<int>(
                 (static_cast<std::uint64_t>(epoch) + random.Next32()) % views);
}

}  // namespace besom::stages
