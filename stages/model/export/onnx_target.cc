#include "stages/model/export/onnx_target.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Sides = std::vector<std::int64_t>;

Sides Square(int side) { return {side, side}; }

Sides Pads(const WindowPadding& zeros) {
  return {zeros.top, zeros.left, zeros.bottom, zeros.right};
}

}  // namespace

GraphTarget::Value OnnxTarget::Op(const std::string& op,
                                  std::vector<Value> inputs,
                                  Attributes attributes) {
  const Value output = fmt::format("v{}", values_++);
  file_.AddNode({op, std::move(inputs), output, std::move(attributes)});
  return output;
}

GraphTarget::Value OnnxTarget::Integers(const Sides& values) {
  const Value name = fmt::format("c{}", values_++);
  file_.AddIntegers(name, values);
  return name;
}

GraphTarget::Value OnnxTarget::Floats(Sides shape, std::vector<float> values) {
  const Value name = fmt::format("c{}", values_++);
  constants_.Add(name, std::move(shape), std::move(values));
  return name;
}

GraphTarget::Value OnnxTarget::Input(const Preprocessing& preprocessing) {
  file_.AddInput({"image", OnnxType::kUint8, {-1, 3, size_, size_}});
  std::vector<float> factors, added;
  Sides sources;
  for (int c = 0; c < 3; ++c) {
    const ChannelScale scale = ScaleOf(preprocessing, c);
    sources.push_back(scale.source);
    factors.push_back(static_cast<float>(scale.factor));
    added.push_back(static_cast<float>(scale.added));
  }
  Value pixels =
      Op("Cast", {"image"}, {{"to", static_cast<int>(OnnxType::kFloat)}});
  if (sources.front() != 0)
    pixels = Op("Gather", {pixels, Integers(sources)}, {{"axis", 1}});
  const Value scaled = Op("Mul", {pixels, Floats({1, 3, 1, 1}, factors)});
  return Op("Add", {scaled, Floats({1, 3, 1, 1}, added)});
}

GraphTarget::Value OnnxTarget::Activate(LayerKind kind, const Value& input) {
  switch (kind) {
    case LayerKind::kRelu:
      return Op("Relu", {input});
    case LayerKind::kRelu6:
      return Op("Clip", {input, Scalar(0), Scalar(6)});
    case LayerKind::kSigmoid:
      return Op("Sigmoid", {input});
    case LayerKind::kHardSigmoid:
      return Op("HardSigmoid", {input}, {{"alpha", 1.0F / 6}, {"beta", 0.5F}});
    case LayerKind::kHardSwish:
      return Op("HardSwish", {input});
    case LayerKind::kSilu:
      return Op("Mul", {input, Op("Sigmoid", {input})});
    case LayerKind::kGelu: {
      const Value scaled = Op("Mul", {input, Scalar(1 / std::numbers::sqrt2)});
      const Value twice = Op("Add", {Op("Erf", {scaled}), Scalar(1)});
      return Op("Mul", {Op("Mul", {input, twice}), Scalar(0.5)});
    }
    default:
      BESOM_CHECK(false, "a layer without an operator");
  }
}

GraphTarget::Value OnnxTarget::AsTokens(const std::string& tensor) {
  const Value turned = Op("Transpose", {tensor}, {{"perm", Sides{0, 2, 1}}});
  return Op("Unsqueeze", {turned, Integers({3})});
}

GraphTarget::Value OnnxTarget::PrependToken(const LayerCall& call) {
  const Value& map = call.inputs[0];
  const Value count = Op("Shape", {map}, {{"start", 0}, {"end", 1}});
  const Value sides =
      Op("Concat", {count, Integers({call.out.channels, 1, 1})}, {{"axis", 0}});
  const Value token = Op("Expand", {AsTokens(call.tensors[0]), sides});
  const Value tokens =
      Op("Reshape", {map, Integers({0, call.out.channels, -1, 1})});
  return Op("Concat", {token, tokens}, {{"axis", 2}});
}

GraphTarget::Value OnnxTarget::Tokens(const Value& map, int first, int end) {
  return Op("Slice", {map, Integers({first}), Integers({end}), Integers({2})});
}

GraphTarget::Value OnnxTarget::Attend(const LayerCall& call) {
  const int width = call.layer.out_channels / call.layer.heads;
  const Value heads = Op(
      "Reshape", {call.inputs[0],
                  Integers({0, 3, call.layer.heads, width, call.in.height})});
  // (images, heads, numbers, tokens)
  const auto part = [&](int index) {
    const Value cut = Op("Slice", {heads, Integers({index}),
                                   Integers({index + 1}), Integers({1})});
    return Op("Squeeze", {cut, Integers({1})});
  };
  const Value query = Op("Transpose", {part(0)}, {{"perm", Sides{0, 1, 3, 2}}});
  const Value scores = Op("Mul", {Op("MatMul", {query, part(1)}),
                                  Scalar(1 / std::sqrt(double(width)))});
  const Value shares = Op("Softmax", {scores}, {{"axis", -1}});
  const Value values =
      Op("Transpose", {part(2)}, {{"perm", Sides{0, 1, 3, 2}}});
  const Value attended = Op("Transpose", {Op("MatMul", {shares, values})},
                            {{"perm", Sides{0, 1, 3, 2}}});
  return Op("Reshape",
            {attended, Integers({0, call.out.channels, call.out.height, 1})});
}

GraphTarget::Value OnnxTarget::Convolve(const LayerCall& call) {
  std::vector<Value> inputs = {call.inputs[0], call.tensors[0]};
  if (call.layer.bias) inputs.push_back(call.tensors[1]);
  return Op("Conv", std::move(inputs),
            {{"kernel_shape", Square(call.layer.kernel)},
             {"strides", Square(call.layer.stride)},
             {"pads", Pads(PaddingOf(call.layer, call.in))},
             {"group", call.layer.groups}});
}

GraphTarget::Value OnnxTarget::Norm(const LayerCall& call) {
  const Value last =
      Op("Transpose", {call.inputs[0]}, {{"perm", Sides{0, 2, 3, 1}}});
  const Value norm =
      Op("LayerNormalization", {last, call.tensors[0], call.tensors[1]},
         {{"axis", -1}, {"epsilon", static_cast<float>(call.layer.epsilon)}});
  return Op("Transpose", {norm}, {{"perm", Sides{0, 3, 1, 2}}});
}

GraphTarget::Value OnnxTarget::Run(const LayerCall& call) {
  const Layer& layer = call.layer;
  const Value& input = call.inputs[0];
  switch (layer.kind) {
    case LayerKind::kConv:
      return Convolve(call);
    case LayerKind::kLinear:
      return Op("Conv",
                {input, Op("Unsqueeze", {call.tensors[0], Integers({2, 3})}),
                 call.tensors[1]});
    case LayerKind::kBatchNorm:
      return Op("BatchNormalization",
                {input, call.tensors[0], call.tensors[1], call.tensors[2],
                 call.tensors[3]},
                {{"epsilon", static_cast<float>(layer.epsilon)}});
    case LayerKind::kLayerNorm:
      return Norm(call);
    case LayerKind::kScale:
      return Op("Mul", {input, call.tensors[0]});
    case LayerKind::kMaxPool:
      return Op("MaxPool", {input},
                {{"kernel_shape", Square(layer.kernel)},
                 {"strides", Square(layer.stride)},
                 {"pads", Pads(PaddingOf(layer, call.in))}});
    case LayerKind::kAveragePool:
      return Op("AveragePool", {input},
                {{"kernel_shape", Square(layer.kernel)},
                 {"strides", Square(layer.stride)}});
    case LayerKind::kGlobalAverage:
      return Op("GlobalAveragePool", {input});
    case LayerKind::kAdd:
      return Op("Add", {input, call.inputs[1]});
    case LayerKind::kMultiply:
      return Op("Mul", {input, call.inputs[1]});
    case LayerKind::kConcat:
      return Op("Concat", {call.inputs.begin(), call.inputs.end()},
                {{"axis", 1}});
    case LayerKind::kPrependToken:
      return PrependToken(call);
    case LayerKind::kPositions:
      return Op("Add", {input, AsTokens(call.tensors[0])});
    case LayerKind::kAttention:
      return Attend(call);
    case LayerKind::kClassToken:
      return Tokens(input, 0, 1);
    case LayerKind::kPatchTokens:
      return Op(
          "Reshape",
          {Tokens(input, 1, call.in.height),
           Integers({0, call.out.channels, call.out.height, call.out.width})});
    default:
      return Activate(layer.kind, input);
  }
}

Result<GraphTarget::Value> OnnxTarget::RunScript(const Value&) {
  return InvalidError("export",
                      "a base from a TorchScript file is a program, which an "
                      "ONNX graph cannot hold",
                      "use --format torchscript");
}

GraphTarget::Value OnnxTarget::Pool(Pooling pooling, const Value& map) {
  const auto rows = [&](const Value& pooled) {
    return Op("Flatten", {pooled}, {{"axis", 1}});
  };
  switch (pooling) {
    case Pooling::kAverage:
      return rows(Op("GlobalAveragePool", {map}));
    case Pooling::kMax:
      return rows(Op("GlobalMaxPool", {map}));
    case Pooling::kAverage4:
      return rows(Op("AveragePool", {map},
                     {{"kernel_shape", Square(4)}, {"strides", Square(4)}}));
    case Pooling::kFlatten:
    case Pooling::kEdge:
      return rows(map);
  }
  BESOM_CHECK(false, "a pooling without an operator");
}

GraphTarget::Value OnnxTarget::Dense(const Value& rows,
                                     const std::string& weight,
                                     const std::string& bias, bool relu) {
  const Value product = Op("Gemm", {rows, weight, bias}, {{"transB", 1}});
  return relu ? Op("Relu", {product}) : product;
}

GraphTarget::Value OnnxTarget::LogOfMean(std::span<const Value> logits) {
  std::vector<Value> logs;
  for (const Value& fit : logits)
    logs.push_back(Op("Unsqueeze",
                      {Op("LogSoftmax", {fit}, {{"axis", 1}}), Integers({0})}));
  const Value sum =
      Op("ReduceLogSumExp", {Op("Concat", std::move(logs), {{"axis", 0}})},
         {{"axes", Sides{0}}, {"keepdims", 0}});
  return Op("Sub", {sum, Scalar(std::log(static_cast<double>(logits.size())))});
}

void OnnxTarget::Finish(const Value& logits) {
  file_.AddNode({"Identity", {logits}, "logits", {}});
  file_.AddNode({"Softmax", {"logits"}, "probabilities", {{"axis", 1}}});
  for (const char* name : {"logits", "probabilities"})
    file_.AddOutput({name, OnnxType::kFloat, {-1, classes_}});
}

Result<std::string> OnnxTarget::Pack(
    const TensorList& tensors, const std::string& name,
    const std::map<std::string, std::string>& metadata) const {
  OnnxFile file = file_;
  for (const TensorList* list : {&tensors, &constants_})
    for (const FloatTensor& tensor : list->tensors()) file.AddTensor(tensor);
  return file.Pack(name, metadata);
}

}  // namespace besom::stages
