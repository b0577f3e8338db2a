#include "stages/model/export/script_target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Value = GraphTarget::Value;

/// c10::ScalarType::Float: TorchScript names types by their numbers.
constexpr int kFloat = 6;

std::string Number(double number) {
  const std::string text = fmt::format("{:.17g}", number);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

/// "features.0.weight" -> getattr(self.features, "0").weight
std::string Attribute(const std::string& name) {
  std::string path = "self";
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    path = std::isdigit(static_cast<unsigned char>(part[0]))
               ? fmt::format("getattr({}, \"{}\")", path, part)
               : fmt::format("{}.{}", path, part);
    begin = end + 1;
  }
  return path;
}

/// (1, tokens, channels) as a map of one column.
std::string AsTokens(const std::string& tensor) {
  return fmt::format("torch.unsqueeze(torch.permute({}, [0, 2, 1]), 3)",
                     Attribute(tensor));
}

std::string Images(const Value& map) {
  return fmt::format("torch.size({}, 0)", map);
}

std::string Convolution(const GraphTarget::LayerCall& call) {
  const Layer& layer = call.layer;
  std::string input = call.inputs[0];
  int padding = layer.padding;
  if (layer.same_padding) {
    const WindowPadding zeros = PaddingOf(layer, call.in);
    padding = zeros.top;
    if (!zeros.IsEven()) {
      input =
          fmt::format("torch.constant_pad_nd({}, [{}, {}, {}, {}], 0.0)", input,
                      zeros.left, zeros.right, zeros.top, zeros.bottom);
      padding = 0;
    }
  }
  return fmt::format("torch.conv2d({}, {}, {}, [{}, {}], [{}, {}], [1, 1], {})",
                     input, Attribute(call.tensors[0]),
                     layer.bias ? Attribute(call.tensors[1]) : "None",
                     layer.stride, layer.stride, padding, padding,
                     layer.groups);
}

std::string LayerNorm(const GraphTarget::LayerCall& call) {
  return fmt::format(
      "torch.permute(torch.layer_norm(torch.permute({}, [0, 2, 3, 1]), [{}], "
      "{}, {}, {}), [0, 3, 1, 2])",
      call.inputs[0], call.layer.out_channels, Attribute(call.tensors[0]),
      Attribute(call.tensors[1]), Number(call.layer.epsilon));
}

std::string BatchNorm(const GraphTarget::LayerCall& call) {
  return fmt::format(
      "torch.batch_norm({}, {}, {}, {}, {}, False, {}, {}, True)",
      call.inputs[0], Attribute(call.tensors[0]), Attribute(call.tensors[1]),
      Attribute(call.tensors[2]), Attribute(call.tensors[3]),
      Number(call.layer.momentum), Number(call.layer.epsilon));
}

/// Queries, keys and values are (images, heads, tokens, numbers).
std::string Attention(const GraphTarget::LayerCall& call, const Value& heads) {
  const auto part = [&](int index) {
    return fmt::format("torch.transpose(torch.select({}, 1, {}), 2, 3)", heads,
                       index);
  };
  return fmt::format(
      "torch.reshape(torch.transpose(torch.scaled_dot_product_attention({}, "
      "{}, {}), 2, 3), [{}, {}, {}, 1])",
      part(0), part(1), part(2), Images(heads), call.out.channels,
      call.out.height);
}

std::string PrependToken(const GraphTarget::LayerCall& call) {
  const Value& map = call.inputs[0];
  return fmt::format(
      "torch.cat([torch.expand({}, [{}, -1, -1, -1]), "
      "torch.unsqueeze(torch.flatten({}, 2), 3)], 2)",
      AsTokens(call.tensors[0]), Images(map), map);
}

std::string Activation(LayerKind kind, const Value& input) {
  switch (kind) {
    case LayerKind::kRelu:
      return fmt::format("torch.relu({})", input);
    case LayerKind::kRelu6:
      return fmt::format("torch.clamp({}, 0, 6)", input);
    case LayerKind::kSigmoid:
      return fmt::format("torch.sigmoid({})", input);
    case LayerKind::kHardSigmoid:
      return fmt::format("torch.hardsigmoid({})", input);
    case LayerKind::kHardSwish:
      return fmt::format("torch.hardswish({})", input);
    case LayerKind::kSilu:
      return fmt::format("torch.silu({})", input);
    case LayerKind::kGelu:
      return fmt::format("torch.gelu({})", input);
    default:
      BESOM_CHECK(false, "a layer without a word");
  }
}

std::string Windows(const char* function, const Layer& layer,
                    const Value& map) {
  return fmt::format("torch.{}({}, [{}, {}], [{}, {}], [{}, {}])", function,
                     map, layer.kernel, layer.kernel, layer.stride,
                     layer.stride, layer.padding, layer.padding);
}

/// Any layer but attention, which needs a line of its own before.
std::string Expression(const GraphTarget::LayerCall& call) {
  const Value& input = call.inputs[0];
  switch (call.layer.kind) {
    case LayerKind::kConv:
      return Convolution(call);
    case LayerKind::kLinear:
      return fmt::format(
          "torch.conv2d({}, torch.unsqueeze(torch.unsqueeze({}, 2), 3), {})",
          input, Attribute(call.tensors[0]), Attribute(call.tensors[1]));
    case LayerKind::kBatchNorm:
      return BatchNorm(call);
    case LayerKind::kLayerNorm:
      return LayerNorm(call);
    case LayerKind::kScale:
      return fmt::format("torch.mul({}, {})", input,
                         Attribute(call.tensors[0]));
    case LayerKind::kMaxPool:
      return Windows("max_pool2d", call.layer, input);
    case LayerKind::kAveragePool:
      return Windows("avg_pool2d", call.layer, input);
    case LayerKind::kGlobalAverage:
      return fmt::format("torch.mean({}, [2, 3], True)", input);
    case LayerKind::kAdd:
      return fmt::format("torch.add({}, {})", input, call.inputs[1]);
    case LayerKind::kMultiply:
      return fmt::format("torch.mul({}, {})", input, call.inputs[1]);
    case LayerKind::kConcat:
      return fmt::format("torch.cat([{}], 1)", fmt::join(call.inputs, ", "));
    case LayerKind::kPrependToken:
      return PrependToken(call);
    case LayerKind::kPositions:
      return fmt::format("torch.add({}, {})", input, AsTokens(call.tensors[0]));
    case LayerKind::kClassToken:
      return fmt::format("torch.slice({}, 2, 0, 1)", input);
    case LayerKind::kPatchTokens:
      return fmt::format(
          "torch.reshape(torch.slice({}, 2, 1, {}), [{}, {}, {}, {}])", input,
          call.in.height, Images(input), call.out.channels, call.out.height,
          call.out.width);
    default:
      return Activation(call.layer.kind, input);
  }
}

}  // namespace

Value ScriptTarget::Let(const std::string& expression) {
  const Value value = fmt::format("v{}", values_++);
  source_ += fmt::format("    {} = {}\n", value, expression);
  return value;
}

Value ScriptTarget::Input(const Preprocessing& preprocessing) {
  const Value pixels = Let(fmt::format("torch.to(image, {})", kFloat));
  std::vector<std::string> channels;
  for (int c = 0; c < 3; ++c) {
    const ChannelScale scale = ScaleOf(preprocessing, c);
    channels.push_back(
        fmt::format("torch.add(torch.mul(torch.slice({}, 1, {}, {}), {}), {})",
                    pixels, scale.source, scale.source + 1,
                    Number(scale.factor), Number(scale.added)));
  }
  return Let(fmt::format("torch.cat([{}], 1)", fmt::join(channels, ", ")));
}

Value ScriptTarget::Run(const LayerCall& call) {
  if (call.layer.kind != LayerKind::kAttention) return Let(Expression(call));
  const Value& map = call.inputs[0];
  const Value heads = Let(
      fmt::format("torch.reshape({}, [{}, 3, {}, {}, {}])", map, Images(map),
                  call.layer.heads, call.layer.out_channels / call.layer.heads,
                  call.in.height));
  return Let(Attention(call, heads));
}

Result<Value> ScriptTarget::RunScript(const Value& input) {
  const Value map =
      Let(fmt::format("torch.to(self.base.forward({}), {})", input, kFloat));
  // (images, numbers) is a map of one position.
  source_ += fmt::format(
      "    if torch.dim({0}) == 2:\n"
      "        {0} = torch.unsqueeze(torch.unsqueeze({0}, 2), 3)\n",
      map);
  return map;
}

Value ScriptTarget::Pool(Pooling pooling, const Value& map) {
  switch (pooling) {
    case Pooling::kAverage:
      return Let(fmt::format("torch.mean({}, [2, 3])", map));
    case Pooling::kMax:
      return Let(fmt::format("torch.amax({}, [2, 3])", map));
    case Pooling::kAverage4:
      return Let(fmt::format(
          "torch.flatten(torch.avg_pool2d({}, [4, 4], [4, 4]), 1)", map));
    case Pooling::kFlatten:
    case Pooling::kEdge:
      return Let(fmt::format("torch.flatten({}, 1)", map));
  }
  BESOM_CHECK(false, "a pooling without a word");
}

Value ScriptTarget::Dense(const Value& rows, const std::string& weight,
                          const std::string& bias, bool relu) {
  const std::string product = fmt::format("torch.linear({}, {}, {})", rows,
                                          Attribute(weight), Attribute(bias));
  return Let(relu ? fmt::format("torch.relu({})", product) : product);
}

Value ScriptTarget::LogOfMean(std::span<const Value> logits) {
  std::vector<std::string> logs;
  for (const Value& fit : logits)
    logs.push_back(fmt::format("torch.log_softmax({}, 1)", fit));
  return Let(
      fmt::format("torch.sub(torch.logsumexp(torch.stack([{}], 0), [0]), {})",
                  fmt::join(logs, ", "),
                  Number(std::log(static_cast<double>(logits.size())))));
}

void ScriptTarget::Finish(const Value& logits) {
  source_ += fmt::format("    return ({0}, torch.softmax({0}, 1))\n", logits);
}

void ScriptTarget::FinishWatched(std::span<const FitValues> fits) {
  std::vector<Value> maps, logits;
  for (const FitValues& fit : fits) {
    maps.push_back(fit.map);
    logits.push_back(fit.logits);
  }
  source_ += fmt::format("    return ([{}], [{}])\n", fmt::join(maps, ", "),
                         fmt::join(logits, ", "));
}

}  // namespace besom::stages
