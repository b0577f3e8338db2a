#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/folded_network.h"
#include "stages/model/head/head_model.h"
#include "stages/model/pooling.h"
#include "stages/model/preprocessing.h"

namespace besom::stages {

/// What a trained trial is made of, as the settings and the store tell.
struct ModelParts {
  Json model;           ///< The `model` section; `preprocessing` is resolved.
  int size = 224;       ///< Side of the square that the base sees, pixels.
  std::string weights;  ///< Hex digest of the base's weights, or "random".
  Path weights_path;    ///< The file with these weights.
  std::uint64_t seed = 0;          ///< Of random weights.
  std::vector<std::string> heads;  ///< "weights" blobs, one per fit.
};

/// A trial as one network, from pixels to probabilities: every file format is
/// written from it. The layers up to `edge` are the same in all fits and stand
/// once; what lies behind them, and the head, each fit has for itself.
struct ExportedModel {
  /// Of what a fit of its own has.
  struct Fit {
    HeadModel head;
    /// Before its tensors' names: empty where there is one fit.
    std::string prefix;
  };

  /// Empty layers where `script` is the base.
  Backbone backbone;
  int edge = Layer::kImage;      ///< The last layer that all fits share.
  int last = Layer::kImage;      ///< The layer that is pooled.
  std::vector<MapShape> shapes;  ///< Of all layers' outputs.
  Path script;                   ///< A TorchScript file that is the base.
  Pooling pooling = Pooling::kAverage;
  int size = 0;  ///< Side of the images, pixels.
  Preprocessing preprocessing;
  ParameterSource base;  ///< Tensors of the layers up to `edge`.
  std::vector<Fit> fits;

  const std::vector<std::string>& classes() const {
    return fits.front().head.classes();
  }
};

/// Puts a trial's parts together. kInvalid when the weights are not those of
/// the trial any more, kCorrupt when the fits and the base do not belong
/// together. REQUIRES: at least one head.
Result<ExportedModel> AssembleModel(const ModelParts& parts);

/// Tensors with numbers of their own, in the order in which they were added.
class TensorList {
 public:
  void Add(std::string name, std::vector<std::int64_t> shape,
           std::vector<float> values);
  const std::vector<FloatTensor>& tensors() const { return tensors_; }

 private:
  std::list<std::vector<float>> numbers_;  // Keep their places.
  std::vector<FloatTensor> tensors_;
};

/// All tensors of the network: those of the base by torchvision's or timm's
/// names, weights and biases of the head's layers as head.N.weight (outputs,
/// inputs) and head.N.bias. Of several fits, what each has for itself is called
/// fits.K.NAME. Errors are the source's. REQUIRES: model.script is empty.
Result<TensorList> TensorsOf(const ExportedModel& model);

}  // namespace besom::stages
