#include "pipeline/cli/machine/weights_import.h"

#include <fmt/format.h>

#include "stages/model/weights_store.h"

namespace besom::cli {
Result<Path> ImportWeights(const Path& file, const std::string& backbone,
                           bool replace) {
  // Absolute, so that a file named "random" is a file.
  std::error_code error;
  const Path source = std::filesystem::absolute(file, error);
  BESOM_ASSIGN_OR_RETURN(const stages::WeightsInfo info,
                         stages::ResolveWeights(backbone, source.string()));
  const Path target = stages::WeightsPath(backbone);
  const Result<Digest> there = DigestOfFile(target);
  if (there.ok() && there->Hex() == info.digest) return target;
  if (there.ok() && !replace)
    return InvalidError(target.string(),
                        fmt::format("holds other weights of {}", backbone),
                        "to put these in their place, add --replace");
  BESOM_ASSIGN_OR_RETURN(const auto mapped, MappedFile::Open(source));
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(target, mapped->bytes()));
  return target;
}

}  // namespace besom::cli
