#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/random.h"
#include "stages/model/folded_network.h"
#include "stages/model/safetensors.h"

namespace besom::testing {

/// Weights with which every layer does something: norms are not the identity,
/// branches are as strong as shortcuts, and no signal dies on its way.
inline stages::ParameterSource DrawnParameters() {
  return [](const stages::Parameter& parameter) -> Result<std::vector<float>> {
    std::int64_t count = 1;
    for (const std::int64_t side : parameter.shape) count *= side;
    KeyedRandom random(1, "drawn/" + parameter.name);
    std::vector<float> numbers(static_cast<std::size_t>(count));
    const bool product =
        parameter.shape.size() == 4 || parameter.shape.size() == 2;
    const double inputs = static_cast<double>(count / parameter.shape[0]);
    const bool factor = parameter.name.ends_with(".weight") ||
                        parameter.name.ends_with("running_var") ||
                        parameter.name.ends_with("layer_scale");
    for (float& number : numbers)
      number =
          static_cast<float>(product  ? std::sqrt(2 / inputs) * random.Normal()
                             : factor ? random.Uniform(0.5, 1.5)
                                      : random.Uniform(-0.2, 0.2));
    return numbers;
  };
}

/// Writes them to `path`, all that `backbone` has.
inline Status WriteDrawnParameters(const stages::Backbone& backbone,
                                   const Path& path) {
  std::vector<std::vector<float>> numbers;
  std::vector<stages::FloatTensor> tensors;
  const int last = static_cast<int>(backbone.layers.size()) - 1;
  for (const stages::Parameter& parameter :
       stages::ParametersOf(backbone, last)) {
    numbers.push_back(DrawnParameters()(parameter).value());
    tensors.push_back({parameter.name, parameter.shape, numbers.back()});
  }
  return WriteFileAtomic(path, stages::PackSafetensors(tensors, {}));
}

}  // namespace besom::testing
