#include "stages/model/folded_network.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

/// Of the normal distribution that it is drawn from; 0 = it is not drawn.
double InitialDeviation(const Parameter& parameter) {
  const auto& shape = parameter.shape;
  if (shape.size() == 4)
    return std::sqrt(2.0 / static_cast<double>(shape[0] * shape[2] * shape[3]));
  if (shape.size() == 2)
    return std::sqrt(2.0 / static_cast<double>(shape[0] + shape[1]));
  return parameter.name.ends_with("pos_embedding") ? 0.02 : 0;
}

float InitialValue(const Parameter& parameter) {
  if (parameter.name.ends_with("layer_scale")) return 1e-6F;
  const bool one = parameter.name.ends_with(".weight") ||
                   parameter.name.ends_with(".running_var");
  return one ? 1 : 0;
}

std::size_t CountOf(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t side : shape) count *= static_cast<std::size_t>(side);
  return count;
}

/// What a batch norm or a scale does to a channel.
struct ChannelMap {
  double mean = 0, factor = 1, shift = 0;
  double operator()(double x) const { return (x - mean) * factor + shift; }
};

/// `numbers` are weight, bias, running mean and variance.
std::vector<ChannelMap> NormMaps(const std::vector<std::vector<float>>& numbers,
                                 double epsilon) {
  std::vector<ChannelMap> maps(numbers[0].size());
  for (std::size_t c = 0; c < maps.size(); ++c)
    maps[c] = {numbers[2][c],
               numbers[0][c] / std::sqrt(double{numbers[3][c]} + epsilon),
               numbers[1][c]};
  return maps;
}

std::vector<ChannelMap> ScaleMaps(const std::vector<float>& factors) {
  std::vector<ChannelMap> maps(factors.size());
  for (std::size_t c = 0; c < maps.size(); ++c) maps[c].factor = factors[c];
  return maps;
}

void MultiplyProduct(FoldedLayer& product,
                     const std::vector<ChannelMap>& maps) {
  const std::size_t per_channel = product.weight.size() / maps.size();
  for (std::size_t c = 0; c < maps.size(); ++c) {
    product.bias[c] = static_cast<float>(maps[c](product.bias[c]));
    for (std::size_t i = 0; i < per_channel; ++i) {
      float& number = product.weight[c * per_channel + i];
      number = static_cast<float>(number * maps[c].factor);
    }
  }
}

bool IsProduct(LayerKind kind) {
  return kind == LayerKind::kConv || kind == LayerKind::kLinear;
}

/// Folds one backbone layer after the other.
class Folder {
 public:
  Folder(const Backbone& backbone, std::span<const int> outputs,
         const ParameterSource& source)
      : backbone_(backbone),
        source_(source),
        readers_(backbone.layers.size(), 0),
        folded_index_(backbone.layers.size(), 0) {
    for (int i = 0; i <= std::ranges::max(outputs); ++i)
      for (const int input : At(i).inputs)
        if (input != Layer::kImage) ++readers_[static_cast<std::size_t>(input)];
    // Whether or not this network ends there.
    for (const Block& block : backbone.blocks)
      ++readers_[static_cast<std::size_t>(block.last_layer)];
    for (const int output : outputs)
      if (output != Layer::kImage) ++readers_[static_cast<std::size_t>(output)];
  }

  Status Fold(int index) {
    const Layer& layer = At(index);
    // The tokens of a block as a map, where nobody wants it.
    if (readers_[static_cast<std::size_t>(index)] == 0) return Status::Ok();
    std::vector<std::vector<float>> numbers;
    for (const Parameter& parameter : ParametersOf(layer)) {
      BESOM_ASSIGN_OR_RETURN(std::vector<float> some, source_(parameter));
      numbers.push_back(std::move(some));
    }
    folded_index_[static_cast<std::size_t>(index)] =
        Place(layer, std::move(numbers));
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

  /// Returns the index of the folded layer that does what `layer` did.
  int Place(const Layer& layer, std::vector<std::vector<float>> numbers) {
    if (layer.kind == LayerKind::kBatchNorm)
      return Multiply(layer, NormMaps(numbers, layer.epsilon));
    if (layer.kind == LayerKind::kScale)
      return Multiply(layer, ScaleMaps(numbers[0]));
    if (IsActivation(layer.kind)) return Activate(layer);
    const int place = Append(layer);
    FoldedLayer& folded = FoldedAt(place);
    if (!numbers.empty()) folded.weight = std::move(numbers[0]);
    if (numbers.size() > 1) folded.bias = std::move(numbers[1]);
    if (IsProduct(layer.kind)) {
      folded.layer.bias = true;  // Folding gives every product one.
      folded.bias.resize(static_cast<std::size_t>(layer.out_channels), 0.0F);
    }
    return place;
  }

  FoldedLayer& FoldedAt(int place) {
    return network_.layers[static_cast<std::size_t>(place)];
  }

  int Append(const Layer& layer) {
    FoldedLayer folded{.layer = layer};
    for (int& input : folded.layer.inputs)
      if (input != Layer::kImage)
        input = folded_index_[static_cast<std::size_t>(input)];
    network_.layers.push_back(std::move(folded));
    return static_cast<int>(network_.layers.size()) - 1;
  }

  /// The folded layer that `layer` reads, where it can become part of that:
  /// nobody else reads it, and it has no activation.
  std::optional<int> OnlySource(const Layer& layer) {
    const int input = layer.inputs.front();
    if (input == Layer::kImage ||
        readers_[static_cast<std::size_t>(input)] != 1)
      return std::nullopt;
    const int place = folded_index_[static_cast<std::size_t>(input)];
    if (FoldedAt(place).activation.has_value()) return std::nullopt;
    return place;
  }

  int Activate(const Layer& layer) {
    const std::optional<int> source = OnlySource(layer);
    const int place = source.has_value() ? *source : Append(layer);
    FoldedAt(place).activation = layer.kind;
    return place;
  }

  /// Maps every channel of what `layer` reads: inside of the product that makes
  /// it, or as a layer of its own.
  int Multiply(const Layer& layer, const std::vector<ChannelMap>& maps) {
    const std::optional<int> source = OnlySource(layer);
    if (source.has_value() && IsProduct(FoldedAt(*source).layer.kind)) {
      MultiplyProduct(FoldedAt(*source), maps);
      return *source;
    }
    const int place = Append(layer);
    FoldedLayer& scale = FoldedAt(place);
    scale.layer.kind = LayerKind::kScale;
    for (const ChannelMap& map : maps) {
      scale.weight.push_back(static_cast<float>(map.factor));
      scale.bias.push_back(static_cast<float>(map(0)));
    }
    return place;
  }

  const Backbone& backbone_;
  const ParameterSource& source_;
  // Layers that read each layer's output; being wanted counts as one.
  std::vector<int> readers_;
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
    if (const double deviation = InitialDeviation(parameter); deviation > 0) {
      KeyedRandom random(seed, "weights/" + backbone + "/" + parameter.name);
      for (float& number : numbers)
        number = static_cast<float>(deviation * random.Normal());
    } else {
      numbers.assign(numbers.size(), InitialValue(parameter));
    }
    return numbers;
  };
}

Result<FoldedNetwork> FoldNetwork(const Backbone& backbone,
                                  std::span<const int> outputs,
                                  const ParameterSource& source) {
  Folder folder(backbone, outputs, source);
  for (int i = 0; i <= std::ranges::max(outputs); ++i)
    BESOM_RETURN_IF_ERROR(folder.Fold(i));
  return folder.Take(outputs);
}

}  // namespace besom::stages
