#include "stages/model/folded_network.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>
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

/// Mean of max(x, 0) for a normal x.
double MeanOfRelu(double mean, double deviation) {
  if (deviation == 0) return std::max(mean, 0.0);
  constexpr double kRootOfTwo = 1.4142135623730951;
  constexpr double kRootOfTwoPi = 2.5066282746310002;
  const double z = mean / deviation;
  return mean * std::erfc(-z / kRootOfTwo) / 2 +
         deviation * std::exp(-z * z / 2) / kRootOfTwoPi;
}

/// Folds one backbone layer after the other.
class Folder {
 public:
  Folder(const Backbone& backbone, int last_layer,
         const ParameterSource& source)
      : backbone_(backbone),
        source_(source),
        readers_(backbone.layers.size(), 0) {
    network_.folded_index.assign(static_cast<std::size_t>(last_layer) + 1, 0);
    for (int i = 0; i <= last_layer; ++i)
      for (const int input : At(i).inputs)
        if (input != Layer::kImage) ++readers_[static_cast<std::size_t>(input)];
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
        Append(layer);
        break;
      case LayerKind::kAdd:
        AppendAdd(layer);
        break;
    }
    network_.folded_index[static_cast<std::size_t>(index)] =
        static_cast<int>(network_.layers.size()) - 1;
    return Status::Ok();
  }

  FoldedNetwork Take() { return std::move(network_); }

 private:
  const Layer& At(int index) const {
    return backbone_.layers[static_cast<std::size_t>(index)];
  }

  FoldedLayer& Append(const Layer& layer) {
    FoldedLayer folded{.layer = layer};
    for (int& input : folded.layer.inputs)
      if (input != Layer::kImage)
        input = network_.folded_index[static_cast<std::size_t>(input)];
    network_.layers.push_back(std::move(folded));
    return network_.layers.back();
  }

  void AppendAdd(const Layer& layer) {
    FoldedLayer& folded = Append(layer);
    std::vector<double> sum(static_cast<std::size_t>(layer.out_channels), 0);
    for (const int input : folded.layer.inputs) {
      if (input == Layer::kImage) return;
      const auto& mean = network_.layers[static_cast<std::size_t>(input)].mean;
      if (mean.size() != sum.size()) return;
      for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += mean[c];
    }
    folded.mean = std::move(sum);
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
        network_.layers[static_cast<std::size_t>(network_.folded_index[input])];
    BESOM_CHECK(folded.activation == FoldedLayer::Activation::kNone,
                backbone_.name + " " + layer.name);
    return folded;
  }

  void Attach(const Layer& layer, FoldedLayer::Activation activation) {
    FoldedLayer& folded = OnlySource(layer);
    folded.activation = activation;
    if (folded.deviation.empty()) folded.mean.clear();
    for (std::size_t c = 0; c < folded.mean.size(); ++c) {
      const double deviation = folded.deviation[c];
      double& mean = folded.mean[c];
      const double above_six = activation == FoldedLayer::Activation::kRelu6
                                   ? MeanOfRelu(mean - 6, deviation)
                                   : 0;
      mean = MeanOfRelu(mean, deviation) - above_six;
    }
    folded.deviation.clear();
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
    conv.mean.assign(bias.begin(), bias.end());
    conv.deviation.assign(weight.begin(), weight.end());
    for (double& deviation : conv.deviation) deviation = std::abs(deviation);
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
  std::vector<int> readers_;  // Layers that read each layer's output.
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

Result<FoldedNetwork> FoldNetwork(const Backbone& backbone, int last_layer,
                                  const ParameterSource& source) {
  Folder folder(backbone, last_layer, source);
  for (int i = 0; i <= last_layer; ++i) BESOM_RETURN_IF_ERROR(folder.Fold(i));
  return folder.Take();
}

FoldedNetwork SplitOff(FoldedNetwork& network, std::size_t first) {
  BESOM_CHECK(first > 0 && first < network.layers.size(),
              std::to_string(first));
  const auto begin =
      network.layers.begin() + static_cast<std::ptrdiff_t>(first);
  FoldedNetwork rest;
  rest.layers.assign(std::make_move_iterator(begin),
                     std::make_move_iterator(network.layers.end()));
  network.layers.erase(begin, network.layers.end());
  const int last = static_cast<int>(first) - 1;
  for (FoldedLayer& folded : rest.layers)
    for (int& input : folded.layer.inputs) {
      BESOM_CHECK(input >= last, folded.layer.name);
      input = input == last ? Layer::kImage : input - last - 1;
    }
  return rest;
}

}  // namespace besom::stages
