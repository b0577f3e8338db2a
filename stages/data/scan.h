#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/base/digest.h"
#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/data/image_table.h"

namespace besom::stages {

/// Remembers which contents a file had, so that only files whose stat changed
/// are read again. ScanSources calls it from the calling thread only.
class ContentDigests {
 public:
  virtual ~ContentDigests() = default;
  /// The digest stored for that absolute path under an equal stat.
  virtual std::optional<Digest> Find(const Path& path,
                                     const FileStat& stat) = 0;
  /// Remembers a digest, in place of an older one for that path.
  virtual void Store(const Path& path, const FileStat& stat,
                     const Digest& digest) = 0;
};

/// Remembers for the life of the object.
class MemoryContentDigests final : public ContentDigests {
 public:
  std::optional<Digest> Find(const Path& path, const FileStat& stat) override;
  void Store(const Path& path, const FileStat& stat,
             const Digest& digest) override;

 private:
  std::map<Path, std::pair<FileStat, Digest>> known_;
};

/// Lists the images of a `phantom` source (stages/data/phantom.h); arguments:
/// the source's section and the classes. Of each entry the scan uses path,
/// label, group, content, generator and left_out.
using PhantomScan = std::function<Result<std::vector<ScanEntry>>(
    const Json& source, const std::vector<std::string>& classes)>;

struct ScanOptions {
  std::uint64_t seed = 0;  ///< The sweep's; draws for `limit_per_class`.
  int threads = 1;         ///< Readers of files; never changes the result.
  Path base_folder;        ///< What relative `path`s start from.
  /// Goes into what stands for patients' numbers of DICOM files.
  std::string patient_key;
  PhantomScan phantom;  ///< Empty: `phantom` sources are refused.
};

/// Meets every image of the sources of `ingest` (the section) and of
/// `external` (the list `evaluate.external`, may be null), and says of each
/// its label, group and contents, or why it is left out. Decodes nothing.
///
/// What is left out and why, which names match which, and what is an error:
/// stages/data/SCAN.md. Errors are kInvalid with place, cause and cure: a
/// folder, CSV file, column or class that does not exist, a format that is not
/// built yet, a source without any usable image, a group that cannot be told
/// where `group_unmatched` is `error`.
/// The result depends on the sections, the seed and the files only. Files are
/// read by `threads` threads; `digests` is called from this thread.
Result<SourceScan> ScanSources(const Json& ingest, const Json& external,
                               ContentDigests& digests,
                               const ScanOptions& options);

}  // namespace besom::stages
