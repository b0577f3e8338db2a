#pragma once

#include <string>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/weights/registry.h"

namespace besom::stages {

/// The digests of a file that publishers may name, hexadecimal.
struct FileDigests {
  std::string sha256, md5;
  /// Whether a publisher's word holds of the file.
  bool Match(const PublishedDigest& published) const;
};

/// Reads the file once. kNotFound, kIo; kInvalid for what is no regular file.
Result<FileDigests> DigestsOf(const Path& path);

/// The entry whose published file this is; null when it is none.
const PretrainedWeights* EntryOf(const FileDigests& digests,
                                 const WeightsRegistry& registry);

}  // namespace besom::stages
