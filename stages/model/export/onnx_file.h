#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/safetensors.h"

namespace besom::stages {

/// A setting of a node.
struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, float, std::vector<std::int64_t>> value;
};

/// An operator of ONNX's default domain.
struct OnnxNode {
  std::string op;
  std::vector<std::string> inputs;
  std::string output;
  std::vector<OnnxAttribute> attributes;
};

/// Numbers of an element in ONNX's TensorProto.DataType.
enum class OnnxType { kFloat = 1, kUint8 = 2, kInt64 = 7 };

/// An input or output of the graph. Of its sides, -1 is the batch's.
struct OnnxPort {
  std::string name;
  OnnxType type = OnnxType::kFloat;
  std::vector<std::int64_t> shape;
};

/// A graph being put together, as a file of the ONNX format
/// (github.com/onnx/onnx, onnx/onnx.proto).
class OnnxFile {
 public:
  /// Of the operators that nodes name, and of the format that knows them.
  static constexpr int kOperatorSet = 17;
  static constexpr int kFormatVersion = 8;

  /// Nodes stand in the order in which they are run.
  void AddNode(const OnnxNode& node);
  void AddTensor(const FloatTensor& tensor);
  void AddIntegers(const std::string& name,
                   const std::vector<std::int64_t>& values);
  void AddInput(const OnnxPort& port);
  void AddOutput(const OnnxPort& port);

  /// The file's bytes. kInvalid beyond 2 GiB: no reader takes more.
  Result<std::string> Pack(
      const std::string& name,
      const std::map<std::string, std::string>& metadata) const;

 private:
  std::string graph_;  // Fields of GraphProto, in any order.
};

}  // namespace besom::stages
