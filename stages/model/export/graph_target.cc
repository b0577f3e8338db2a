#include "stages/model/export/graph_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace besom::stages {
namespace {

using Value = GraphTarget::Value;

/// Goes through layers in a target.
class LayerWalk {
 public:
  LayerWalk(const ExportedModel& model, GraphTarget& target, int watched)
      : model_(model),
        target_(target),
        watched_layer_(watched),
        needed_(model.backbone.layers.size()) {
    // What nothing reads is left out: maps of patches where no cut is.
    if (model.last == Layer::kImage) return;
    needed_[static_cast<std::size_t>(model.last)] = true;
    for (int i = model.last; i >= 0; --i) {
      if (!needed_[static_cast<std::size_t>(i)]) continue;
      for (const int source : At(i).inputs)
        if (source != Layer::kImage)
          needed_[static_cast<std::size_t>(source)] = true;
    }
  }

  /// Runs them on `input`, the output of layer `first` - 1.
  Value Run(int first, int last, const Value& input,
            const std::string& prefix) {
    std::vector<Value> outputs(model_.backbone.layers.size());
    const auto read = [&](int source) {
      return source == first - 1 || source == Layer::kImage
                 ? input
                 : outputs[static_cast<std::size_t>(source)];
    };
    for (int i = first; i <= last; ++i) {
      if (!needed_[static_cast<std::size_t>(i)]) continue;
      std::vector<Value> inputs;
      for (const int source : At(i).inputs) inputs.push_back(read(source));
      std::vector<std::string> tensors;
      for (const Parameter& parameter : ParametersOf(At(i)))
        tensors.push_back(prefix + parameter.name);
      outputs[static_cast<std::size_t>(i)] = target_.Run(
          {At(i), inputs, MapAt(model_.shapes, At(i).inputs[0], model_.size),
           MapAt(model_.shapes, i, model_.size), std::move(tensors)});
      if (i == watched_layer_) Watch(outputs[static_cast<std::size_t>(i)]);
    }
    return last < first ? input : outputs[static_cast<std::size_t>(last)];
  }

  void Watch(Value map) { watched_ = std::move(map); }
  /// The watched layer's output where it was run last.
  const Value& watched() const { return watched_; }

 private:
  const Layer& At(int layer) const {
    return model_.backbone.layers[static_cast<std::size_t>(layer)];
  }

  const ExportedModel& model_;
  GraphTarget& target_;
  const int watched_layer_;
  std::vector<bool> needed_;
  Value watched_;
};

Value BuildHead(const ExportedModel::Fit& fit, Value rows,
                GraphTarget& target) {
  const std::size_t count = fit.head.layers().size();
  for (std::size_t l = 0; l < count; ++l) {
    const std::string name = fmt::format("{}head.{}", fit.prefix, l);
    rows = target.Dense(rows, name + ".weight", name + ".bias", l + 1 < count);
  }
  return rows;
}

}  // namespace

ChannelScale ScaleOf(const Preprocessing& preprocessing, int channel) {
  const auto c = static_cast<std::size_t>(channel);
  const double deviation = preprocessing.deviation[c];
  return {
      preprocessing.order == Preprocessing::Order::kRgb ? channel : 2 - channel,
      preprocessing.range / 255 / deviation,
      -preprocessing.mean[c] / deviation};
}

WindowPadding PaddingOf(const Layer& layer, const MapShape& input) {
  if (!layer.same_padding)
    return {layer.padding, layer.padding, layer.padding, layer.padding};
  const auto zeros = [&](int side) {
    const int out = (side + layer.stride - 1) / layer.stride;
    return std::max((out - 1) * layer.stride + layer.kernel - side, 0);
  };
  const int rows = zeros(input.height), columns = zeros(input.width);
  return {rows / 2, columns / 2, rows - rows / 2, columns - columns / 2};
}

Result<std::vector<FitValues>> BuildFits(const ExportedModel& model,
                                         int watched, GraphTarget& target) {
  LayerWalk walk(model, target, watched);
  Value shared = target.Input(model.preprocessing);
  if (model.script.empty()) {
    shared = walk.Run(0, model.edge, shared, "");
  } else {
    BESOM_ASSIGN_OR_RETURN(shared, target.RunScript(shared));
    walk.Watch(shared);
  }
  // A frozen base is pooled once.
  const bool frozen = model.edge == model.last;
  if (frozen) shared = target.Pool(model.pooling, shared);
  std::vector<FitValues> fits;
  for (const ExportedModel::Fit& fit : model.fits) {
    const Value rows =
        frozen ? shared
               : target.Pool(model.pooling, walk.Run(model.edge + 1, model.last,
                                                     shared, fit.prefix));
    fits.push_back({walk.watched(), BuildHead(fit, rows, target)});
  }
  return fits;
}

Status BuildGraph(const ExportedModel& model, GraphTarget& target) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<FitValues> fits,
                         BuildFits(model, model.last, target));
  std::vector<Value> logits;
  for (const FitValues& fit : fits) logits.push_back(fit.logits);
  target.Finish(logits.size() == 1 ? logits.front() : target.LogOfMean(logits));
  return Status::Ok();
}

}  // namespace besom::stages
