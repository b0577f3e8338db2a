#include "stages/model/head/head_state.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

namespace besom::stages {
namespace {

constexpr const char* kPlace = "checkpoint";

// The parts of a state, by the names that its tensors begin with.
template <typename State>
auto PartsOf(State& state) {
  return std::array{
      std::pair{"weights", &state.layers}, std::pair{"first", &state.first},
      std::pair{"second", &state.second}, std::pair{"average", &state.average}};
}

std::string NameOf(const char* part, std::size_t layer, const char* what) {
  return fmt::format("{}.{}.{}", part, layer, what);
}

// Takes a tensor of the size of `into`.
Status Take(const TrainerState& state, const std::string& name,
            std::vector<float>& into) {
  const auto found = state.tensors.find(name);
  if (found == state.tensors.end() || found->second.size() != into.size())
    return CorruptError(
        kPlace, fmt::format("no tensor '{}' of {} numbers is in it", name,
                            into.size()));
  into = found->second;
  return Status::Ok();
}

}  // namespace

HeadState::HeadState(HeadWeights start, const TrainSettings& settings)
    : layers(std::move(start)), first(EmptyLike(layers)), second(first) {
  if (settings.ema > 0) average = layers;
}

void HeadState::Average(double ema, const HeadKernels& kernels) {
  if (average.empty()) return;
  if (steps == 1) {
    average = layers;
    return;
  }
  const auto share = static_cast<float>(1 - ema);
  const auto blend = [&](std::vector<float>& old,
                         const std::vector<float>& now) {
    kernels.blend(old.data(), now.data(), share, static_cast<int>(old.size()),
                  old.data());
  };
  for (std::size_t l = 0; l < layers.size(); ++l) {
    blend(average[l].weights, layers[l].weights);
    blend(average[l].bias, layers[l].bias);
  }
}

TrainerState HeadState::ToState() const {
  TrainerState state;
  for (const auto& [part, weights] : PartsOf(*this))
    for (std::size_t l = 0; l < weights->size(); ++l) {
      state.tensors[NameOf(part, l, "weight")] = (*weights)[l].weights;
      state.tensors[NameOf(part, l, "bias")] = (*weights)[l].bias;
    }
  state.counters["steps"] = steps;
  return state;
}

Status HeadState::Restore(const TrainerState& state) {
  HeadState restored = *this;
  std::size_t tensors = 0;
  for (const auto& [part, weights] : PartsOf(restored))
    for (std::size_t l = 0; l < weights->size(); ++l, tensors += 2) {
      BESOM_RETURN_IF_ERROR(
          Take(state, NameOf(part, l, "weight"), (*weights)[l].weights));
      BESOM_RETURN_IF_ERROR(
          Take(state, NameOf(part, l, "bias"), (*weights)[l].bias));
    }
  const auto counter = state.counters.find("steps");
  if (tensors != state.tensors.size() || state.counters.size() != 1 ||
      counter == state.counters.end() || counter->second < 0)
    return CorruptError(kPlace, "it is of another trainer");
  restored.steps = counter->second;
  *this = std::move(restored);
  return Status::Ok();
}

}  // namespace besom::stages
