#pragma once

#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/reading/table_text.h"
#include "stages/model/weights/registry.h"

namespace besom::cli {

/// One line of `weights list`: an entry of the registry, or a file of the
/// weights folder that the registry does not know.
struct ListedWeights {
  std::string backbone;   ///< May be empty for a file that does not say.
  std::string name;       ///< As `model.weights` takes it.
  bool imagenet = false;  ///< `imagenet` means these, once they are here.
  /// "present", "not here", or "not built yet" for a backbone that is
  /// documented and refused for now.
  std::string state;
  double mebibytes = 0;  ///< Of the download; of the file when unknown.
  std::string license;
  std::string digest;  ///< What the publisher says; empty when unknown.
  std::string source;  ///< URL or package; of a file what its metadata says.
  Path path;           ///< Of the file; empty when it is not here.
};

/// Every entry of every backbone in the order of the documents, then the files
/// that the registry does not know, by name. Damaged files are listed, too.
std::vector<ListedWeights> ListWeights(const stages::WeightsRegistry& registry);

/// `list` as text: one row each.
std::string WeightsTable(const std::vector<ListedWeights>& list,
                         TableFormat format);

/// What a name of the command line means.
struct NamedWeights {
  std::string backbone;
  std::string weights;  ///< As `model.weights` would say it.
};

/// Reads the name of a backbone (its `imagenet` weights), of an entry, or of a
/// file of the weights folder. kInvalid when it is none of these.
Result<NamedWeights> ReadWeightsName(const std::string& name,
                                     const stages::WeightsRegistry& registry);

/// Path of the weights of that name, checked against their backbone. kInvalid
/// for a name that is unknown or not built; kUnavailable when they are not
/// here, with the command that brings them.
Result<Path> FindNamedWeights(const std::string& name,
                              const stages::WeightsRegistry& registry);

}  // namespace besom::cli
