#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/export/exported_model.h"

namespace besom::stages {

/// How a channel of the network's input comes from the pixels: channel `source`
/// of RGB times `factor`, plus `added`.
struct ChannelScale {
  int source = 0;
  double factor = 1, added = 0;
};
ChannelScale ScaleOf(const Preprocessing& preprocessing, int channel);

/// Zeros around a map before a window of `layer` goes over it.
struct WindowPadding {
  int top = 0, left = 0, bottom = 0, right = 0;
  bool IsEven() const { return top == left && top == bottom && top == right; }
};
WindowPadding PaddingOf(const Layer& layer, const MapShape& input);

/// A graph in the making. Maps are (images, channels, rows, columns), rows of
/// numbers (images, numbers), all float32; tensors are named as TensorsOf names
/// them and have PyTorch's shapes.
class GraphTarget {
 public:
  /// Names what a step of the graph computes.
  using Value = std::string;

  /// A layer with what it reads.
  struct LayerCall {
    const Layer& layer;
    std::span<const Value> inputs;
    MapShape in, out;                  ///< Of its first input, and its output.
    std::vector<std::string> tensors;  ///< As ParametersOf orders them.
  };

  GraphTarget() = default;
  GraphTarget(const GraphTarget&) = delete;
  GraphTarget& operator=(const GraphTarget&) = delete;
  virtual ~GraphTarget() = default;

  /// What the base reads, from pixels (images, 3, side, side), RGB, 0 to 255.
  virtual Value Input(const Preprocessing& preprocessing) = 0;
  virtual Value Run(const LayerCall& call) = 0;
  /// The map that the TorchScript file gives for `input`; kInvalid where that
  /// has no place in the format.
  virtual Result<Value> RunScript(const Value& input) = 0;
  virtual Value Pool(Pooling pooling, const Value& map) = 0;
  /// rows * weight^T + bias, and max(that, 0) where `relu`.
  virtual Value Dense(const Value& rows, const std::string& weight,
                      const std::string& bias, bool relu) = 0;
  /// The logarithm of the mean of the fits' softmax.
  virtual Value LogOfMean(std::span<const Value> logits) = 0;
  /// Makes `logits` and their softmax the outputs.
  virtual void Finish(const Value& logits) = 0;
};

/// Builds the whole network in `target`. Errors are the target's.
Status BuildGraph(const ExportedModel& model, GraphTarget& target);

/// What a fit of a network gives, and a map on the way there.
struct FitValues {
  GraphTarget::Value map, logits;
};

/// Builds it without joining the fits or making outputs. The map is that of
/// layer `watched`; with a TorchScript base, what that gives.
/// REQUIRES: the layer is on the way to the pooled one.
Result<std::vector<FitValues>> BuildFits(const ExportedModel& model,
                                         int watched, GraphTarget& target);

}  // namespace besom::stages
