#include "pipeline/store/artifact.h"

namespace besom {

Artifact Artifact::FromBytes(std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  Artifact artifact;
  artifact.bytes_ = std::as_bytes(std::span(*owner));
  artifact.ref_ = {DigestOf(artifact.bytes_), artifact.bytes_.size()};
  artifact.owner_ = std::move(owner);
  return artifact;
}

}  // namespace besom
