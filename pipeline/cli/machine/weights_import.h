#pragma once

#include <string>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/weights/convert.h"
#include "stages/model/weights/registry.h"

namespace besom::cli {

/// `weights import` as the user says it; empty texts are left to the file.
struct ImportOptions {
  Path file;
  std::string entry;          ///< The registry's, of which the file is.
  std::string architecture;   ///< A backbone.
  std::string name;           ///< Under which `model.weights` finds them.
  std::string preprocessing;  ///< A name or JSON (Preprocessing::FromJson).
  std::string license;
  bool replace = false;  ///< Other weights of that name may go.
};

struct ImportedWeights {
  Path path;
  std::string backbone;
  std::string entry;  ///< Of the registry, when the file is a published one.
  stages::WeightsMatch match;
};

/// Converts weights of any format that OpenForeignWeights reads and puts them
/// into the weights folder, whole or not at all. A published file is known by
/// its digest and gets its entry's name, preprocessing and licence; another
/// one is called as its backbone (`weights: imagenet` then finds it) unless
/// `name` says otherwise. The backbone is the only one that fits when neither
/// the options nor the file name it. Weights that are there stay unless they
/// are the same bytes or `replace` is set.
/// kInvalid: what does not fit (with the names), a name that is taken or no
/// name; else as OpenForeignWeights.
Result<ImportedWeights> ImportWeights(const ImportOptions& options,
                                      const stages::WeightsRegistry& registry);

/// Where the weights of an entry belong: where they are already, else with the
/// name of their backbone if `imagenet` means them and no others have it, else
/// with their own.
Path TargetOf(const stages::PretrainedWeights& entry);

}  // namespace besom::cli
