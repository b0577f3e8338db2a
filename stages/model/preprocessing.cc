#include "stages/model/preprocessing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "model.preprocessing";
constexpr const char* kCure =
    "use weights, unit, or {mean: [a, b, c], std: [a, b, c], order: rgb | bgr, "
    "range: 1 | 255}";

Status ReadTriple(const Json& json, const char* key,
                  std::array<double, 3>& triple) {
  const auto it = json.find(key);
  if (it == json.end()) return Status::Ok();
  if (!it->is_array() || it->size() != 3)
    return InvalidError(kPlace, std::string(key) + " is not three numbers",
                        kCure);
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& number = (*it)[i];
    if (!number.is_number() || !std::isfinite(number.get<double>()))
      return InvalidError(kPlace, std::string(key) + " is not three numbers",
                          kCure);
    triple[i] = number.get<double>();
  }
  return Status::Ok();
}

Result<Preprocessing> FromName(const std::string& name) {
  if (name == "unit") return Preprocessing::Unit();
  if (name == "caffe") return Preprocessing::Caffe();
  if (name == "torch") return Preprocessing::Torchvision();
  if (name == "tf") return Preprocessing::PlusMinusOne();
  return InvalidError(kPlace, "unknown preprocessing " + name, kCure);
}

Status CheckKeys(const Json& json) {
  for (const auto& [key, value] : json.items())
    if (key != "mean" && key != "std" && key != "order" && key != "range")
      return InvalidError(kPlace, "unknown key " + key, kCure);
  return Status::Ok();
}

}  // namespace

Preprocessing Preprocessing::Torchvision() {
  // torchvision.transforms' documented ImageNet constants.
  return {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}};
}

Preprocessing Preprocessing::PlusMinusOne() {
  return {.mean = {0.5, 0.5, 0.5}, .deviation = {0.5, 0.5, 0.5}};
}

Preprocessing Preprocessing::Caffe() {
  // The means published with the Oxford group's VGG models, BGR.
  return {
      .mean = {103.939, 116.779, 123.68}, .order = Order::kBgr, .range = 255};
}

Preprocessing Preprocessing::Unit() { return {}; }

Json Preprocessing::ToJson() const {
  return {{"mean", mean},
          {"std", deviation},
          {"order", order == Order::kRgb ? "rgb" : "bgr"},
          {"range", range}};
}

Result<Preprocessing> Preprocessing::FromJson(const Json& json) {
  if (json.is_string()) return FromName(json.get<std::string>());
  if (!json.is_object())
    return InvalidError(kPlace, "neither a name nor a map", kCure);
  BESOM_RETURN_IF_ERROR(CheckKeys(json));
  Preprocessing parsed;
  BESOM_RETURN_IF_ERROR(ReadTriple(json, "mean", parsed.mean));
  BESOM_RETURN_IF_ERROR(ReadTriple(json, "std", parsed.deviation));
  for (const double deviation : parsed.deviation)
    if (deviation <= 0)
      return InvalidError(kPlace, "std must be greater than 0", kCure);
  const Json order = json.value("order", Json("rgb"));
  if (order != "rgb" && order != "bgr")
    return InvalidError(kPlace, "order is neither rgb nor bgr", kCure);
  parsed.order = order == "rgb" ? Order::kRgb : Order::kBgr;
  const Json range = json.value("range", Json(1.0));
  if (!range.is_number() || !std::isfinite(range.get<double>()) ||
      range.get<double>() <= 0)
    return InvalidError(kPlace, "range is not a number greater than 0", kCure);
  parsed.range = range.get<double>();
  return parsed;
}

Result<Preprocessing> ResolvePreprocessing(const Json& setting,
                                           const Preprocessing& of_weights) {
  if (setting == "weights") return of_weights;
  return Preprocessing::FromJson(setting);
}

InputFiller::InputFiller(const Preprocessing& preprocessing) {
  for (std::size_t c = 0; c < 3; ++c) {
    for (int value = 0; value < 256; ++value)
      table_[static_cast<std::size_t>(value)][c] = static_cast<float>(
          (value / 255.0 * preprocessing.range - preprocessing.mean[c]) /
          preprocessing.deviation[c]);
    source_channel_[c] =
        preprocessing.order == Preprocessing::Order::kRgb ? c : 2 - c;
  }
}

InputFiller InputFiller::After(
    const std::array<std::uint8_t, 256>& levels) const {
  InputFiller after = *this;
  for (std::size_t value = 0; value < 256; ++value)
    after.table_[value] = table_[levels[value]];
  return after;
}

void InputFiller::Fill(std::span<const std::uint8_t> pixels, int channels,
                       std::span<float> input) const {
  BESOM_CHECK(channels == 1 || channels == 3, std::to_string(channels));
  BESOM_CHECK(
      input.size() * static_cast<std::size_t>(channels) == pixels.size() * 3,
      std::to_string(pixels.size()));
  if (pixels.empty()) return;
  if (channels == 1)
    FillGrey(pixels, input.data());
  else
    FillColours(pixels, input.data());
}

void InputFiller::FillGrey(std::span<const std::uint8_t> pixels,
                           float* input) const {
  // One store a pixel; the next one's covers the fourth number. The last has
  // no next one.
  for (const std::uint8_t pixel : pixels.first(pixels.size() - 1)) {
    std::memcpy(input, table_[pixel].data(), 4 * sizeof(float));
    input += 3;
  }
  std::copy_n(table_[pixels.back()].data(), 3, input);
}

void InputFiller::FillColours(std::span<const std::uint8_t> pixels,
                              float* input) const {
  const auto [first, second, third] = source_channel_;
  for (std::size_t at = 0; at < pixels.size(); at += 3) {
    input[at] = table_[pixels[at + first]][0];
    input[at + 1] = table_[pixels[at + second]][1];
    input[at + 2] = table_[pixels[at + third]][2];
  }
}

}  // namespace besom::stages
