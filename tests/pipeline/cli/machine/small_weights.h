#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "stages/model/backbone_catalog.h"
#include "stages/model/safetensors.h"
#include "tests/pipeline/cli/machine/image_tree.h"

namespace besom::testing {

/// A weights folder of its own ($BESOM_WEIGHTS), and files to fill it with.
class WeightsTree : public ImageTree {
 protected:
  WeightsTree() {
    std::filesystem::create_directory(root_ / "weights");
    ::setenv("BESOM_WEIGHTS", (root_ / "weights").c_str(), 1);
  }
  ~WeightsTree() override { ::unsetenv("BESOM_WEIGHTS"); }

  /// Writes a file with the shapes of `backbone`, all `value`.
  std::filesystem::path MakeWeights(
      const std::string& file, const std::string& backbone, float value,
      const std::map<std::string, std::string>& metadata = {}) {
    const auto described = stages::DescribeBackbone(backbone);
    const auto parameters = stages::ParametersOf(
        *described, static_cast<int>(described->layers.size()) - 1);
    std::size_t most = 0;
    for (const auto& parameter : parameters)
      most = std::max(most, Size(parameter));
    const std::vector<float> values(most, value);
    std::vector<stages::FloatTensor> tensors;
    for (const auto& parameter : parameters)
      tensors.push_back({parameter.name, parameter.shape,
                         std::span(values).first(Size(parameter))});
    Put(file, stages::PackSafetensors(tensors, metadata));
    return root_ / file;
  }

 private:
  static std::size_t Size(const stages::Parameter& parameter) {
    std::size_t size = 1;
    for (const auto n : parameter.shape) size *= static_cast<std::size_t>(n);
    return size;
  }
};

}  // namespace besom::testing
