#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/preprocessing.h"
#include "stages/model/safetensors.h"

namespace besom::stages {

/// Weights of a backbone as `model.weights` names them.
struct WeightsInfo {
  std::string backbone;
  std::string weights;  ///< "imagenet", "random" or the file as given.
  Path path;            ///< Empty for "random".
  /// What action keys hold: hex SHA-256 of the file, or "random".
  std::string digest;
  Preprocessing preprocessing;  ///< From the file's metadata.
  std::string license, source;  ///< From the metadata; may be empty.
};

/// Hashes a file; a caller that remembers digests by stat brings its own.
using DigestFunction = std::function<Result<Digest>(const Path&)>;

/// Where pretrained weights live: `$BESOM_WEIGHTS`, else the folder that the
/// build was made with (`.deps/weights` of the checkout).
Path WeightsFolder();

/// Path of the ImageNet weights of `backbone`: WeightsFolder()/NAME.safetensors
/// (whether or not it is there).
Path PretrainedPath(const std::string& backbone);

/// Finds weights and checks that they fit the backbone: every parameter of the
/// base there, with its shape. Extra tensors (a classifier) are ignored.
/// kInvalid: unknown or not built backbone, a file that does not fit;
/// kUnavailable: pretrained weights not on this machine; each with its cure.
Result<WeightsInfo> ResolveWeights(const std::string& backbone,
                                   const std::string& weights,
                                   const DigestFunction& digest = DigestOfFile);

/// kCorrupt when the file no longer has the digest that it was planned with.
Status CheckUnchanged(const Path& weights, std::string_view digest);

/// The preprocessing that a file's metadata tells (`preprocessing` as JSON or
/// a name, or Keras's `preprocess` and `channels`); `fallback` when it tells
/// none.
Result<Preprocessing> PreprocessingOf(const Safetensors& file,
                                      const Preprocessing& fallback);

}  // namespace besom::stages
