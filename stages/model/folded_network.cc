#include "stages/model/folded_network.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "pipeline/base/check.h"
#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

std::size_t CountOf(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t side : shape) count *= static_cast<std::size_t>(side);
  return count;
}

/// Folds one backbone layer after the other.
class Folder {
 public:
  Folder(const Backbone& backbone, int last_layer,
         const ParameterSource& source)
      : backbone_(backbone),
        source_(source),
        readers_(backbone.layers.size(), 0),
        folded_index_(backbone.layers.size(), 0) {
    for (int i = 0; i <= last_layer; ++i)
      for (const int input : At(i).inputs)
        if (input != Layer::kImage) ++readers_[static_cast<std::size_t>(input)];
    // Whether or not this network ends there.
    for (const Block& block : backbone.blocks)
      ++readers_[static_cast<std::size_t>(block.last_layer)];
  }

  Status Fold(int index) {
    const Layer& layer = At(index);
    switch (layer.kind) {
      case LayerKind::kConv:
        BESOM_RETURN_IF_ERROR(AppendConv(layer));
        break;
      case LayerKind::kBatchNorm:
        BESOM_RETURN_IF_ERROR(FoldNorm(layer));
        break;
      case LayerKind::kRelu:
        Attach(layer, FoldedLayer::Activation::kRelu);
        break;
      case LayerKind::kRelu6:
        Attach(layer, FoldedLayer::Activation::kRelu6);
        break;
      case LayerKind::kMaxPool:
      case LayerKind::kAdd:
        Append(layer);
        break;
    }
    folded_index_[static_cast<std::size_t>(index)] =
        static_cast<int>(network_.layers.size()) - 1;
    return Status::Ok();
  }

  FoldedNetwork Take(std::span<const int> outputs) {
    for (const int output : outputs)
      network_.outputs.push_back(
          output == Layer::kImage
              ? Layer::kImage
              : folded_index_[static_cast<std::size_t>(output)]);
    return std::move(network_);
  }

 private:
  const Layer& At(int index) const {
    return backbone_.layers[static_cast<std::size_t>(index)];
  }

  FoldedLayer& Append(const Layer& layer) {
    FoldedLayer folded{.layer = layer};
    for (int& input : folded.layer.inputs)
      if (input != Layer::kImage)
        input = folded_index_[static_cast<std::size_t>(input)];
    network_.layers.push_back(std::move(folded));
    return network_.layers.back();
  }

  Status AppendConv(const Layer& layer) {
    FoldedLayer& folded = Append(layer);
    folded.layer.bias = true;  // Folding gives every convolution one.
    BESOM_ASSIGN_OR_RETURN(
        folded.weight,
        source_({layer.name + ".weight",
                 {layer.out_channels, layer.in_channels / layer.groups,
                  layer.kernel, layer.kernel}}));
    folded.bias.assign(static_cast<std::size_t>(layer.out_channels), 0.0F);
    if (!layer.bias) return Status::Ok();
    BESOM_ASSIGN_OR_RETURN(
        folded.bias, source_({layer.name + ".bias", {layer.out_channels}}));
    return Status::Ok();
  }

  /// The folded layer that `layer` reads and nobody else does: what follows
  /// it can become part of it.
  FoldedLayer& OnlySource(const Layer& layer) {
    const auto input = static_cast<std::size_t>(layer.inputs.front());
    BESOM_CHECK(layer.inputs.size() == 1 && readers_[input] == 1,
                backbone_.name + " " + layer.name);
    FoldedLayer& folded =
        network_.layers[static_cast<std::size_t>(folded_index_[input])];
    BESOM_CHECK(folded.activation == FoldedLayer::Activation::kNone,
                backbone_.name + " " + layer.name);
    return folded;
  }

  void Attach(const Layer& layer, FoldedLayer::Activation activation) {
    OnlySource(layer).activation = activation;
  }

  Status FoldNorm(const Layer& layer) {
    FoldedLayer& conv = OnlySource(layer);
    BESOM_CHECK(conv.layer.kind == LayerKind::kConv, layer.name);
    const auto part = [&](const char* name) {
      return source_({layer.name + name, {layer.out_channels}});
    };
    BESOM_ASSIGN_OR_RETURN(const auto weight, part(".weight"));
    BESOM_ASSIGN_OR_RETURN(const auto bias, part(".bias"));
    BESOM_ASSIGN_OR_RETURN(const auto mean, part(".running_mean"));
    BESOM_ASSIGN_OR_RETURN(const auto variance, part(".running_var"));
    const std::size_t per_channel = conv.weight.size() / conv.bias.size();
    for (std::size_t c = 0; c < conv.bias.size(); ++c) {
      const double factor =
          weight[c] / std::sqrt(double{variance[c]} + layer.epsilon);
      conv.bias[c] = static_cast<float>(
          (double{conv.bias[c]} - mean[c]) * factor + bias[c]);
      for (std::size_t i = 0; i < per_channel; ++i) {
        float& number = conv.weight[c * per_channel + i];
        number = static_cast<float>(number * factor);
      }
    }
    return Status::Ok();
  }

  const Backbone& backbone_;
  const ParameterSource& source_;
  std::vector<int> readers_;       // Layers that read each layer's output.
  std::vector<int> folded_index_;  // Where each layer went.
  FoldedNetwork network_;
};

}  // namespace

ParameterSource ParametersOfFile(Safetensors file) {
  return [file = std::move(file)](const Parameter& parameter) {
    return file.Floats(parameter.name, parameter.shape);
  };
}

ParameterSource RandomParameters(std::uint64_t seed, std::string backbone) {
  return [seed, backbone = std::move(backbone)](
             const Parameter& parameter) -> Result<std::vector<float>> {
    std::vector<float> numbers(CountOf(parameter.shape), 0.0F);
    if (parameter.shape.size() == 4) {
      const double fan_out = static_cast<double>(
          parameter.shape[0] * parameter.shape[2] * parameter.shape[3]);
      const double deviation = std::sqrt(2.0 / fan_out);
      KeyedRandom random(seed, "weights/" + backbone + "/" + parameter.name);
      for (float& number : numbers)
        number = static_cast<float>(deviation * random.Normal());
    } else if (EndsWith(parameter.name, ".weight") ||
               EndsWith(parameter.name, ".running_var")) {
      numbers.assign(numbers.size(), 1.0F);
    }
    return numbers;
  };
}

Result<FoldedNetwork> FoldNetwork(const Backbone& backbone,
                                  std::span<const int> outputs,
                                  const ParameterSource& source) {
  const int last_layer = std::ranges::max(outputs);
  Folder folder(backbone, last_layer, source);
  for (int i = 0; i <= last_layer; ++i) BESOM_RETURN_IF_ERROR(folder.Fold(i));
  return folder.Take(outputs);
}

}  // namespace besom::stages
