#include "stages/model/weights/state_names.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace besom::stages {
namespace {

/// A tensor as Keras names it.
struct KerasTensor {
  std::string_view layer;
  std::string_view part;  ///< "kernel", "moving_mean", ...
};

/// Words that Keras 1 and 2 use, and what they mean today.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kParts{
    {{"kernel", "kernel"},
     {"depthwise_kernel", "depthwise_kernel"},
     {"bias", "bias"},
     {"gamma", "gamma"},
     {"beta", "beta"},
     {"moving_mean", "moving_mean"},
     {"moving_variance", "moving_variance"},
     {"W", "kernel"},
     {"b", "bias"}}};

/// "block1_conv1_W_1:0" -> "W": the last word, without layer and number.
std::string_view LastWord(std::string_view text, std::string_view layer) {
  text = text.substr(0, text.find(':'));
  if (text.starts_with(layer) && text.size() > layer.size() &&
      text[layer.size()] == '_')
    text.remove_prefix(layer.size() + 1);
  const std::size_t bar = text.rfind('_');
  if (bar != std::string_view::npos && bar + 1 < text.size() &&
      text.find_first_not_of("0123456789", bar + 1) == std::string_view::npos)
    text = text.substr(0, bar);
  return text;
}

std::optional<KerasTensor> ParseKeras(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::string_view layer = name.substr(0, slash);
  // Keras says it twice: the group of the layer, then the variable's scope.
  const std::size_t half = layer.size() / 2;
  if (layer.size() % 2 == 1 && layer[half] == '/' &&
      layer.substr(0, half) == layer.substr(half + 1))
    layer = layer.substr(0, half);
  const std::string_view word = LastWord(name.substr(slash + 1), layer);
  for (const auto& [written, part] : kParts)
    if (word == written) return KerasTensor{layer, part};
  return std::nullopt;
}

/// Reads "BEFORE 12 AFTER": the number after `before`, which is removed from
/// `text` with it.
std::optional<int> TakeNumber(std::string_view& text, std::string_view before) {
  if (!text.starts_with(before)) return std::nullopt;
  const char* start = text.data() + before.size();
  int number = 0;
  const auto [end, error] =
      std::from_chars(start, text.data() + text.size(), number);
  if (error != std::errc() || end == start) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// "block2_conv1" -> "features.5": each convolution is followed by its ReLU,
/// each block by its pool.
std::optional<std::string> VggLayer(const std::vector<int>& convolutions,
                                    std::string_view layer) {
  const auto block = TakeNumber(layer, "block");
  const auto conv = TakeNumber(layer, "_conv");
  const auto blocks = static_cast<int>(convolutions.size());
  if (!block || !conv || !layer.empty() || *block < 1 || *block > blocks ||
      *conv < 1 || *conv > convolutions[static_cast<std::size_t>(*block - 1)])
    return std::nullopt;
  int index = 2 * (*conv - 1);
  for (int i = 0; i < *block - 1; ++i)
    index += 2 * convolutions[static_cast<std::size_t>(i)] + 1;
  return fmt::format("features.{}", index);
}

/// keras.applications' "conv3_block2_1_conv" -> "features.denseblock2.
/// denselayer2.conv1".
std::optional<std::string> DenseNetLayer(std::string_view layer) {
  for (const auto& [keras, state] : {std::pair{"conv1/conv", "conv0"},
                                     {"conv1/bn", "norm0"},
                                     {"bn", "norm5"}})
    if (layer == keras) return fmt::format("features.{}", state);
  if (const auto pool = TakeNumber(layer, "pool")) {
    if (layer == "_bn")
      return fmt::format("features.transition{}.norm", *pool - 1);
    if (layer == "_conv")
      return fmt::format("features.transition{}.conv", *pool - 1);
    return std::nullopt;
  }
  const auto block = TakeNumber(layer, "conv");
  const auto inner = TakeNumber(layer, "_block");
  if (!block || !inner) return std::nullopt;
  for (const auto& [keras, state] : {std::pair{"_0_bn", "norm1"},
                                     {"_1_conv", "conv1"},
                                     {"_1_bn", "norm2"},
                                     {"_2_conv", "conv2"}})
    if (layer == keras)
      return fmt::format("features.denseblock{}.denselayer{}.{}", *block - 1,
                         *inner, state);
  return std::nullopt;
}

std::optional<std::string> KerasLayer(std::string_view backbone,
                                      std::string_view layer) {
  if (backbone == "vgg16") return VggLayer({2, 2, 3, 3, 3}, layer);
  if (backbone == "vgg19") return VggLayer({2, 2, 4, 4, 4}, layer);
  if (backbone == "densenet121") return DenseNetLayer(layer);
  return std::nullopt;
}

StateName FromKeras(const std::string& layer, std::string_view part) {
  if (part == "kernel") return {layer + ".weight", AxisOrder::kKerasKernel};
  if (part == "depthwise_kernel")
    return {layer + ".weight", AxisOrder::kKerasDepthwise};
  if (part == "gamma") return {layer + ".weight"};
  if (part == "moving_mean") return {layer + ".running_mean"};
  if (part == "moving_variance")
    return {layer + ".running_var", AxisOrder::kState, 1e-8F};
  return {layer + ".bias"};
}

void Replace(std::string& text, std::string_view from, std::string_view to) {
  if (const std::size_t at = text.find(from); at != std::string::npos)
    text.replace(at, from.size(), to);
}

/// torchvision's loaders change these names of its older files, too.
std::string FromOlderTorchvision(std::string_view name) {
  std::string text(name);
  if (text.find(".denselayer") != std::string::npos)
    for (const char* part : {"norm", "relu", "conv"})
      for (const char* number : {"1", "2"})
        Replace(text, fmt::format(".{}.{}.", part, number),
                fmt::format(".{}{}.", part, number));
  Replace(text, ".mlp.linear_1.", ".mlp.0.");
  Replace(text, ".mlp.linear_2.", ".mlp.3.");
  return text;
}

}  // namespace

bool IsKerasName(std::string_view name) { return ParseKeras(name).has_value(); }

StateName StateNameOf(std::string_view backbone, std::string_view name) {
  const auto keras = ParseKeras(name);
  if (!keras) return {FromOlderTorchvision(name)};
  const auto layer = KerasLayer(backbone, keras->layer);
  if (!layer) return {std::string(name)};
  return FromKeras(*layer, keras->part);
}

bool IsBeyondBase(std::string_view name) {
  for (const char* start : {"classifier.", "fc.", "head.", "heads.", "fc1/",
                            "fc2/", "predictions/", "fc1000/"})
    if (name.starts_with(start)) return true;
  return false;
}

}  // namespace besom::stages
