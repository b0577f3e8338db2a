#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/preprocessing.h"
#include "stages/model/safetensors.h"
#include "stages/model/weights/registry.h"

namespace besom::stages {

/// Weights of a backbone as `model.weights` names them.
struct WeightsInfo {
  std::string backbone;
  /// "imagenet", "random", a name or the file, as given.
  std::string weights;
  /// The registry's name of what the file holds; empty for "random" and for
  /// weights that the registry does not know.
  std::string entry;
  Path path;  ///< Empty for "random".
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

/// WeightsFolder()/NAME.safetensors, whether or not it is there. The name of a
/// backbone: what `weights: imagenet` looks at first.
Path WeightsPath(const std::string& name);

/// Path of the weights that an entry of the registry names, when they are
/// here: WeightsPath of the entry's name or, with these weights in it, of its
/// backbone. kUnavailable with the command that brings them.
Result<Path> FindEntry(const PretrainedWeights& entry);

/// Path of the file that `weights` means for `backbone`, when it is here:
/// "imagenet" (WeightsPath of the backbone, else the registry's entry), the
/// name of an entry or of imported weights, or a file. kInvalid for a name that
/// there is not, or an entry of another backbone; kUnavailable for weights that
/// are not on this machine; each with its cure. REQUIRES: not "random".
Result<Path> FindWeights(const std::string& backbone,
                         const std::string& weights,
                         const WeightsRegistry& registry);

/// Finds weights and checks that they fit the backbone: every parameter of the
/// base there, with its shape. Extra tensors (a classifier) are ignored.
/// kInvalid: unknown or not built backbone, a file that does not fit; else as
/// FindWeights.
Result<WeightsInfo> ResolveWeights(const std::string& backbone,
                                   const std::string& weights,
                                   const DigestFunction& digest = DigestOfFile);

/// Holds weights files to the digests that they were planned with, each once
/// while its stat stays the same. One thread at a time.
class CheckedWeights {
 public:
  /// kCorrupt when the file no longer has that digest.
  Status Check(const Path& weights, std::string_view digest);

 private:
  struct AsPlanned {
    FileStat stat;
    std::string digest;
    bool operator==(const AsPlanned&) const = default;
  };
  std::map<Path, AsPlanned> checked_;
};

/// The preprocessing that a file's metadata tells (`preprocessing` as JSON or
/// a name, or Keras's `preprocess` and `channels`); `fallback` when it tells
/// none.
Result<Preprocessing> PreprocessingOf(const Safetensors& file,
                                      const Preprocessing& fallback);

}  // namespace besom::stages
