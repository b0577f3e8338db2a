#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace besom::stages {

/// How the axes of a tensor lie in the file that it comes from.
enum class AxisOrder {
  kState,           ///< As in the state dict.
  kKerasKernel,     ///< (rows, columns, in, out); state: (out, in, r, c).
  kKerasDepthwise,  ///< (rows, columns, in, m); state: (in * m, 1, r, c).
};

/// Where a tensor of another file belongs.
struct StateName {
  std::string name;  ///< In torchvision's or timm's state dict.
  AxisOrder order = AxisOrder::kState;
  /// Is added to every number: Keras's batch norms divide by a slightly larger
  /// variance (epsilon 1.001e-5 instead of 1e-5).
  float added = 0;
};

/// True for names as Keras writes them: "LAYER/LAYER/kernel:0",
/// "LAYER/LAYER_W_1:0", "LAYER/bias".
bool IsKerasName(std::string_view name);

/// The state dict's name for tensor `name` of a file with weights of
/// `backbone`; the name itself where nothing is known of it. Knows Keras's
/// layers of VGG16, VGG19 and DenseNet-121 (keras.applications), and the older
/// spellings in torchvision's published files.
StateName StateNameOf(std::string_view backbone, std::string_view name);

/// True for tensors of the usual classifiers behind a base. `name` is the state
/// dict's.
bool IsBeyondBase(std::string_view name);

}  // namespace besom::stages
