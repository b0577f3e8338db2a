#pragma once

#include <map>
#include <string>
#include <vector>

#include "stages/model/export/graph_target.h"
#include "stages/model/export/onnx_file.h"

namespace besom::stages {

/// Writes the network as an ONNX graph. Its input `image`: uint8 (images, 3,
/// side, side), RGB; its outputs `logits` and `probabilities`: float (images,
/// classes). Tensors keep PyTorch's names and shapes.
class OnnxTarget final : public GraphTarget {
 public:
  /// `classes`: how many there are; `size`: side of the images, pixels.
  OnnxTarget(int classes, int size) : classes_(classes), size_(size) {}

  Value Input(const Preprocessing& preprocessing) override;
  Value Run(const LayerCall& call) override;
  /// kInvalid: ONNX holds graphs, and that file a program.
  Result<Value> RunScript(const Value& input) override;
  Value Pool(Pooling pooling, const Value& map) override;
  Value Dense(const Value& rows, const std::string& weight,
              const std::string& bias, bool relu) override;
  Value LogOfMean(std::span<const Value> logits) override;
  void Finish(const Value& logits) override;

  /// The whole file, after Finish; as OnnxFile::Pack.
  Result<std::string> Pack(
      const TensorList& tensors, const std::string& name,
      const std::map<std::string, std::string>& metadata) const;

 private:
  using Attributes = std::vector<OnnxAttribute>;

  /// A node; names what it gives.
  Value Op(const std::string& op, std::vector<Value> inputs,
           Attributes attributes = {});
  Value Integers(const std::vector<std::int64_t>& values);
  Value Floats(std::vector<std::int64_t> shape, std::vector<float> values);
  Value Scalar(double number) {
    return Floats({}, {static_cast<float>(number)});
  }

  Value Activate(LayerKind kind, const Value& input);
  Value Convolve(const LayerCall& call);
  Value Norm(const LayerCall& call);
  Value Attend(const LayerCall& call);
  /// (1, tokens, channels) as a map of one column.
  Value AsTokens(const std::string& tensor);
  Value PrependToken(const LayerCall& call);
  /// Tokens `first` ... `end` - 1.
  Value Tokens(const Value& map, int first, int end);

  const int classes_, size_;
  OnnxFile file_;
  TensorList constants_;
  int values_ = 0;
};

}  // namespace besom::stages
