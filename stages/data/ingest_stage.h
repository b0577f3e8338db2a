#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "stages/stage.h"

namespace besom::stages {

/// Draws a `phantom` image (stages/data/phantom.h): width * height bytes of
/// grey, or three times as many of RGB.
using PhantomRender = std::function<Result<std::vector<std::uint8_t>>(
    const Json& generator, int* width, int* height)>;

/// Decodes image files into one packed shard, and one of their thumbnails.
///
/// params: {size, resize, interpolation, bit_depth_range,
///          files: [{name, content: hex, generator?: object}]}
/// hints:  {paths: [absolute path or null, parallel to files], threads}
/// out:    {"pixels": PixelShard}, records in the order of `files`;
///         {"thumbnails": ThumbnailShard} of those that could be decoded;
///         counters {images, errors, bytes}
///
/// An image that cannot be decoded is a record with its error, not a failure:
/// what becomes of it (`on_bad_image`) is decided by who reads the shard. A
/// file whose contents are not the digest of params (changed since the scan)
/// is kFailed and names the file; one that cannot be read is kIo.
/// The shard depends on params and contents only, not on threads or paths.
class IngestStage final : public Stage {
 public:
  /// Without `render`, files with a `generator` are kInvalid.
  explicit IngestStage(PhantomRender render = nullptr)
      : render_(std::move(render)) {}

  std::string_view name() const noexcept override { return "ingest"; }
  int version() const noexcept override { return 3; }
  Result<StageOutput> Run(const StageInput& input) override;

 private:
  PhantomRender render_;
};

}  // namespace besom::stages
