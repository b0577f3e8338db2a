#pragma once

#include <functional>
#include <string>

#include "pipeline/base/clock.h"
#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/machine/fetch/download.h"
#include "stages/model/weights/registry.h"

namespace besom::cli {

struct FetchOptions {
  int retries = 5;
  double retry_wait = 1;
  int stall_seconds = 30;
};

/// Gets published weights into the weights folder, each whole or not at all:
/// downloads beside the target (NAME.part, under the lock NAME.lock, so that
/// of two fetches the second waits and finds them there), holds the file to
/// the digest that its publisher names, converts it (ImportWeights) and
/// removes the part. A file with another digest is downloaded a second time
/// when parts of it are from an earlier call.
class WeightsFetcher {
 public:
  WeightsFetcher(const stages::WeightsRegistry& registry,
                 const FetchOptions& options, const DownloadServices& services)
      : registry_(registry), options_(options), services_(services) {}

  /// Path of the weights that `name` (ReadWeightsName) means, fetched unless
  /// they are here and fit. kInvalid for an unknown name or a backbone that is
  /// not built; kCorrupt for bytes that are not the published ones; else as
  /// Download, FileLock and ImportWeights.
  Result<Path> Fetch(const std::string& name);

 private:
  Result<Path> FetchEntry(const stages::PretrainedWeights& entry);
  Result<Path> FetchLocked(const stages::PretrainedWeights& entry);
  Status DownloadWhole(const stages::PretrainedWeights& entry,
                       const Path& part);

  const stages::WeightsRegistry& registry_;
  const FetchOptions options_;
  const DownloadServices& services_;
};

/// Tells on stderr how a download goes: one line that is written over on a
/// terminal, else a line every ten seconds.
class FetchProgress {
 public:
  FetchProgress(const Clock& clock, bool terminal)
      : clock_(clock), terminal_(terminal) {}

  void Show(const DownloadProgress& progress);
  /// Ends the line that would be written over.
  void EndLine();

 private:
  const Clock& clock_;
  const bool terminal_;
  double first_time_ = -1, last_time_ = 0;
  std::uint64_t first_bytes_ = 0;
  bool open_line_ = false;
};

}  // namespace besom::cli
