#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/safetensors.h"

namespace besom::stages {

/// How the tensors of a file and the parameters of a base go together.
struct WeightsMatch {
  std::vector<std::string> missing;    ///< Parameters that the file lacks.
  std::vector<std::string> misshaped;  ///< "NAME is [1, 2] instead of [3]".
  std::vector<std::string> left_over;  ///< The file's, of unknown use.
  std::vector<std::string> beyond;     ///< Of the classifier: no loss.
  std::vector<std::string> widened;    ///< First layers of one channel.

  bool fits() const {
    return missing.empty() && misshaped.empty() && left_over.empty();
  }
  /// What does not fit, for people; long lists are cut.
  std::string Faults() const;
};

/// Compares names and shapes; reads no numbers. Names may be those of
/// StateNameOf.
WeightsMatch MatchWeights(const Safetensors& file, const Backbone& backbone);

/// Weights of a base as besom keeps them.
struct ConvertedWeights {
  std::string bytes;  ///< Of a .safetensors file.
  WeightsMatch match;
};

/// Converts weights of `backbone` from a file of any names and axes that
/// StateNameOf knows: F32, names and axes of the state dict, the parameters of
/// the base and nothing else. A first convolution of one channel becomes one
/// of three that gives the same for grey pictures (each a third of it).
/// Equal input gives equal bytes. kInvalid when it does not fit or holds
/// numbers that are not finite; `place` names the file.
Result<ConvertedWeights> ConvertWeights(
    const Safetensors& file, const Backbone& backbone,
    const std::map<std::string, std::string>& metadata,
    const std::string& place);

}  // namespace besom::stages
