#include "stages/model/weights/convert.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <set>

#include "stages/model/weights/state_names.h"

namespace besom::stages {
namespace {

using Shape = std::vector<std::int64_t>;

/// Names that an error lists of one kind.
constexpr std::size_t kNamed = 5;

std::string Some(const std::vector<std::string>& names) {
  const std::size_t count = std::min(names.size(), kNamed);
  std::string text = fmt::format(
      "{}",
      fmt::join(names.begin(),
                names.begin() + static_cast<std::ptrdiff_t>(count), ", "));
  if (names.size() > count)
    text += fmt::format(" and {} more", names.size() - count);
  return text;
}

/// A tensor of the file and where it belongs.
struct Source {
  const TensorEntry* entry;
  StateName state;
};

/// The shape in the state dict of a tensor that has `shape` in the file.
Shape StateShape(const Shape& shape, AxisOrder order) {
  if (shape.size() != 4) return shape;
  switch (order) {
    case AxisOrder::kState:
      return shape;
    case AxisOrder::kKerasKernel:
      return {shape[3], shape[2], shape[0], shape[1]};
    case AxisOrder::kKerasDepthwise:
      return {shape[2] * shape[3], 1, shape[0], shape[1]};
  }
  return shape;
}

/// The first convolution of a network for grey pictures.
bool IsOneChannelOf(const Shape& shape, const Parameter& parameter) {
  if (shape.size() != 4 || parameter.shape.size() != 4) return false;
  Shape wide = shape;
  wide[1] = 3;
  return shape[1] == 1 && wide == parameter.shape;
}

/// By the state dict's names; of two of one name the first counts.
std::map<std::string, Source> SourcesOf(const Safetensors& file,
                                        const Backbone& backbone,
                                        std::vector<std::string>* twice) {
  std::map<std::string, Source> sources;
  for (const TensorEntry& entry : file.tensors()) {
    StateName state = StateNameOf(backbone.name, entry.name);
    const std::string name = state.name;
    const bool first =
        sources.emplace(name, Source{&entry, std::move(state)}).second;
    if (!first && twice != nullptr) twice->push_back(entry.name);
  }
  return sources;
}

std::vector<Parameter> BaseOf(const Backbone& backbone) {
  return ParametersOf(backbone, static_cast<int>(backbone.layers.size()) - 1);
}

/// (rows, columns, a, b) -> (.., rows, columns), see AxisOrder.
std::vector<float> Reordered(const std::vector<float>& values,
                             const Shape& shape, AxisOrder order) {
  if (order == AxisOrder::kState || shape.size() != 4) return values;
  const auto side = [&](int axis) {
    return static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
  };
  const std::size_t window = side(0) * side(1), in = side(2), out = side(3);
  std::vector<float> moved(values.size());
  for (std::size_t w = 0; w < window; ++w)
    for (std::size_t i = 0; i < in; ++i)
      for (std::size_t o = 0; o < out; ++o) {
        const std::size_t row =
            order == AxisOrder::kKerasKernel ? o * in + i : i * out + o;
        moved[row * window + w] = values[(w * in + i) * out + o];
      }
  return moved;
}

/// One channel (out, 1, r, c) -> three (out, 3, r, c), each a third.
std::vector<float> Widened(const std::vector<float>& values,
                           const Shape& shape) {
  const auto window = static_cast<std::size_t>(shape[2] * shape[3]);
  std::vector<float> wide;
  wide.reserve(3 * values.size());
  for (std::size_t at = 0; at < values.size(); at += window)
    for (int channel = 0; channel < 3; ++channel)
      for (std::size_t w = 0; w < window; ++w)
        wide.push_back(values[at + w] / 3);
  return wide;
}

/// The numbers of one parameter as the state dict has them.
Result<std::vector<float>> ValuesOf(const Safetensors& file,
                                    const Source& source,
                                    const Parameter& parameter,
                                    const std::string& place) {
  const Shape& shape = source.entry->shape;
  BESOM_ASSIGN_OR_RETURN(std::vector<float> values,
                         file.Floats(source.entry->name, shape));
  for (float& value : values) {
    if (!std::isfinite(value))
      return InvalidError(place,
                          fmt::format("tensor {} holds numbers that are not "
                                      "finite",
                                      source.entry->name),
                          "these weights are of no use; take others");
    value += source.state.added;
  }
  values = Reordered(values, shape, source.state.order);
  const Shape state = StateShape(shape, source.state.order);
  if (IsOneChannelOf(state, parameter)) return Widened(values, state);
  return values;
}

}  // namespace

std::string WeightsMatch::Faults() const {
  std::vector<std::string> faults;
  const auto add = [&](const char* what,
                       const std::vector<std::string>& names) {
    if (!names.empty())
      faults.push_back(
          fmt::format("{} {} ({})", names.size(), what, Some(names)));
  };
  add("missing", missing);
  add("of another shape", misshaped);
  add("left over", left_over);
  return fmt::format("{}", fmt::join(faults, ", "));
}

WeightsMatch MatchWeights(const Safetensors& file, const Backbone& backbone) {
  WeightsMatch match;
  const auto sources = SourcesOf(file, backbone, &match.left_over);
  std::set<std::string> used;
  for (const Parameter& parameter : BaseOf(backbone)) {
    const auto it = sources.find(parameter.name);
    if (it == sources.end()) {
      match.missing.push_back(parameter.name);
      continue;
    }
    used.insert(parameter.name);
    const Shape shape =
        StateShape(it->second.entry->shape, it->second.state.order);
    if (IsOneChannelOf(shape, parameter))
      match.widened.push_back(parameter.name);
    else if (shape != parameter.shape)
      match.misshaped.push_back(fmt::format(
          "{} is [{}] instead of [{}]", it->second.entry->name,
          fmt::join(shape, ", "), fmt::join(parameter.shape, ", ")));
  }
  for (const auto& [name, source] : sources) {
    if (used.contains(name) || name.ends_with("num_batches_tracked")) continue;
    (IsBeyondBase(name) ? match.beyond : match.left_over)
        .push_back(source.entry->name);
  }
  return match;
}

Result<ConvertedWeights> ConvertWeights(
    const Safetensors& file, const Backbone& backbone,
    const std::map<std::string, std::string>& metadata,
    const std::string& place) {
  ConvertedWeights converted;
  converted.match = MatchWeights(file, backbone);
  if (!converted.match.fits())
    return InvalidError(
        place,
        fmt::format("these are not weights of {}: of its tensors {}",
                    backbone.name, converted.match.Faults()),
        fmt::format("give a file with {}'s names of {}",
                    backbone.parameter_names, backbone.name));
  const auto sources = SourcesOf(file, backbone, nullptr);
  const std::vector<Parameter> parameters = BaseOf(backbone);
  std::vector<std::vector<float>> values;
  values.reserve(parameters.size());
  std::vector<FloatTensor> tensors;
  for (const Parameter& parameter : parameters) {
    BESOM_ASSIGN_OR_RETURN(
        std::vector<float> numbers,
        ValuesOf(file, sources.at(parameter.name), parameter, place));
    values.push_back(std::move(numbers));
    tensors.push_back({parameter.name, parameter.shape, values.back()});
  }
  converted.bytes = PackSafetensors(tensors, metadata);
  return converted;
}

}  // namespace besom::stages
