#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// How 8-bit pixels become a network's input. It belongs to the weights.
/// Input channel c = (pixel / 255 * range - mean[c]) / deviation[c], where c
/// counts in `order`.
struct Preprocessing {
  enum class Order { kRgb, kBgr };
  std::array<double, 3> mean{0, 0, 0};
  std::array<double, 3> deviation{1, 1, 1};
  Order order = Order::kRgb;
  double range = 1;

  bool operator==(const Preprocessing&) const = default;

  /// ImageNet's mean and deviation as torchvision uses them.
  static Preprocessing Torchvision();
  /// (x / 255 - 0.5) / 0.5.
  static Preprocessing PlusMinusOne();
  /// BGR, 0-255, minus the means that Caffe's VGG was trained with.
  static Preprocessing Caffe();
  /// x / 255.
  static Preprocessing Unit();

  /// {mean, std, order, range}; FromJson reads it back.
  Json ToJson() const;
  /// Reads an object {mean, std, order, range} (missing parts: 0, 1, rgb, 1)
  /// or one of the names "unit", "caffe", "torch", "tf". kInvalid otherwise.
  static Result<Preprocessing> FromJson(const Json& json);
};

/// What `model.preprocessing` means with weights that want `of_weights`:
/// "weights", or as Preprocessing::FromJson.
Result<Preprocessing> ResolvePreprocessing(const Json& setting,
                                           const Preprocessing& of_weights);

/// Turns pixels into a network's input. Immutable; any thread.
class InputFiller {
 public:
  explicit InputFiller(const Preprocessing& preprocessing);

  /// The filler whose input is levels[pixel] of each pixel.
  InputFiller After(const std::array<std::uint8_t, 256>& levels) const;

  /// Writes pixels of an image, a row or all of them: `pixels` has 1 (grey,
  /// used for all three) or 3 (RGB) interleaved channels; `input` takes 3
  /// numbers a pixel, interleaved (channels last), in the order that the
  /// weights want.
  /// REQUIRES: input.size() * channels == pixels.size() * 3.
  void Fill(std::span<const std::uint8_t> pixels, int channels,
            std::span<float> input) const;

 private:
  void FillGrey(std::span<const std::uint8_t> pixels, float* input) const;
  void FillColours(std::span<const std::uint8_t> pixels, float* input) const;

  /// The three numbers of each value, and one to make it a register's width.
  std::array<std::array<float, 4>, 256> table_{};
  std::array<std::size_t, 3> source_channel_;
};

}  // namespace besom::stages
