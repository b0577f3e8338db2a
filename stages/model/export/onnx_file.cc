#include "stages/model/export/onnx_file.h"

#include <fmt/format.h>

#include <limits>
#include <protozero/pbf_writer.hpp>

namespace besom::stages {
namespace {

using Writer = protozero::pbf_writer;

// Numbers of fields in onnx.proto, one block a message.
namespace model_proto {
enum { kIrVersion = 1, kProducer = 2, kGraph = 7, kOpset = 8, kMetadata = 14 };
}
namespace graph_proto {
enum { kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12 };
}
namespace node_proto {
enum { kInput = 1, kOutput = 2, kName = 3, kOpType = 4, kAttribute = 5 };
}
namespace attribute_proto {
enum { kName = 1, kFloat = 2, kInt = 3, kInts = 8, kType = 20 };
enum { kTypeFloat = 1, kTypeInt = 2, kTypeInts = 7 };
}  // namespace attribute_proto
namespace tensor_proto {
enum { kDims = 1, kDataType = 2, kName = 8, kRawData = 9 };
}
namespace value_info_proto {
enum { kName = 1, kType = 2 };
}
namespace type_proto {
enum { kTensor = 1, kElement = 1, kShape = 2, kDim = 1, kSide = 1, kAnySide };
}
namespace pair_proto {  // OperatorSetIdProto and StringStringEntryProto
enum { kFirst = 1, kSecond = 2 };
}

constexpr const char* kBatch = "images";

void AddAttribute(Writer& node, const OnnxAttribute& attribute) {
  using namespace attribute_proto;
  Writer writer(node, node_proto::kAttribute);
  writer.add_string(kName, attribute.name);
  if (const auto* number = std::get_if<std::int64_t>(&attribute.value)) {
    writer.add_int64(kInt, *number);
    writer.add_enum(kType, kTypeInt);
  } else if (const auto* real = std::get_if<float>(&attribute.value)) {
    writer.add_float(kFloat, *real);
    writer.add_enum(kType, kTypeFloat);
  } else {
    for (const std::int64_t side :
         std::get<std::vector<std::int64_t>>(attribute.value))
      writer.add_int64(kInts, side);
    writer.add_enum(kType, kTypeInts);
  }
}

void AddRaw(std::string& graph, const std::string& name, OnnxType type,
            const std::vector<std::int64_t>& shape, const void* numbers,
            std::size_t bytes) {
  using namespace tensor_proto;
  Writer writer(graph);
  Writer tensor(writer, graph_proto::kInitializer);
  for (const std::int64_t side : shape) tensor.add_int64(kDims, side);
  tensor.add_enum(kDataType, static_cast<int>(type));
  tensor.add_string(kName, name);
  // Little-endian, as the format wants them and this machine has them.
  tensor.add_bytes(kRawData, static_cast<const char*>(numbers), bytes);
}

void AddPort(std::string& graph, int field, const OnnxPort& port) {
  using namespace type_proto;
  Writer writer(graph);
  Writer info(writer, static_cast<protozero::pbf_tag_type>(field));
  info.add_string(value_info_proto::kName, port.name);
  Writer type(info, value_info_proto::kType);
  Writer tensor(type, kTensor);
  tensor.add_enum(kElement, static_cast<int>(port.type));
  Writer shape(tensor, kShape);
  for (const std::int64_t side : port.shape) {
    Writer dim(shape, kDim);
    if (side < 0)
      dim.add_string(kAnySide, kBatch);
    else
      dim.add_int64(kSide, side);
  }
}

}  // namespace

void OnnxFile::AddNode(const OnnxNode& node) {
  Writer graph(graph_);
  Writer writer(graph, graph_proto::kNode);
  for (const std::string& input : node.inputs)
    writer.add_string(node_proto::kInput, input);
  writer.add_string(node_proto::kOutput, node.output);
  writer.add_string(node_proto::kName, node.output);
  writer.add_string(node_proto::kOpType, node.op);
  for (const OnnxAttribute& attribute : node.attributes)
    AddAttribute(writer, attribute);
}

void OnnxFile::AddTensor(const FloatTensor& tensor) {
  AddRaw(graph_, tensor.name, OnnxType::kFloat, tensor.shape,
         tensor.values.data(), tensor.values.size_bytes());
}

void OnnxFile::AddIntegers(const std::string& name,
                           const std::vector<std::int64_t>& values) {
  AddRaw(graph_, name, OnnxType::kInt64,
         {static_cast<std::int64_t>(values.size())}, values.data(),
         values.size() * sizeof(std::int64_t));
}

void OnnxFile::AddInput(const OnnxPort& port) {
  AddPort(graph_, graph_proto::kInput, port);
}

void OnnxFile::AddOutput(const OnnxPort& port) {
  AddPort(graph_, graph_proto::kOutput, port);
}

Result<std::string> OnnxFile::Pack(
    const std::string& name,
    const std::map<std::string, std::string>& metadata) const {
  using namespace model_proto;
  std::string named = graph_;
  Writer(named).add_string(graph_proto::kName, name);
  std::string bytes;
  Writer model(bytes);
  model.add_int64(kIrVersion, kFormatVersion);
  model.add_string(kProducer, "besom");
  {
    Writer operators(model, kOpset);
    operators.add_string(pair_proto::kFirst, "");
    operators.add_int64(pair_proto::kSecond, kOperatorSet);
  }
  for (const auto& [key, value] : metadata) {
    Writer entry(model, kMetadata);
    entry.add_string(pair_proto::kFirst, key);
    entry.add_string(pair_proto::kSecond, value);
  }
  if (named.size() + bytes.size() + 16 > std::numeric_limits<int>::max())
    return InvalidError(
        "export",
        fmt::format("{} bytes are more than an ONNX file holds", named.size()),
        "use --format safetensors or torchscript");
  model.add_message(kGraph, named);
  return bytes;
}

}  // namespace besom::stages
