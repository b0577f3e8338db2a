#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/machine/fetch/http_client.h"

namespace besom::cli {

/// How far a download is, in bytes.
struct DownloadProgress {
  std::uint64_t have = 0;
  std::uint64_t total = 0;  ///< 0 = unknown.
};

struct DownloadOptions {
  std::string url;
  Path part;  ///< Grows; stays when the download is broken off.
  std::uint64_t most_bytes = 0;  ///< More is an error.
  /// The disk must hold so many times the file beyond what is still to come.
  int room_for_copies = 0;
  int retries = 5;        ///< In a row, without getting any further.
  double retry_wait = 1;  ///< Seconds before the first; doubled each time.
  int stall_seconds = 30;
};

/// What a download asks of its surroundings.
struct DownloadServices {
  HttpClient& http;
  /// Sleeps so many seconds; false when asked to stop.
  std::function<bool(double seconds)> wait;
  std::function<bool()> stopped;  ///< Whether asked to stop.
  std::function<void(const DownloadProgress&)> progress;
  std::function<void(const std::string& words)> note;  ///< For people.
};

/// Gets `url` into `part`, going on from what is there: a Range request bound
/// by If-Range to the version that the first bytes were of (kept beside it,
/// PART.json). A server that sends all instead starts the file again. Cut and
/// stalled connections, 408, 425, 429 and 5xx are tried again, waiting longer
/// each time. What comes is not checked but for its length.
///
/// kUnavailable: unreachable, or the server has no such file;
/// kInterrupted: asked to stop, or cut too often: the same call goes on;
/// kIo: the disk (with how much it lacks); kCorrupt: more than `most_bytes`.
Status Download(const DownloadOptions& options,
                const DownloadServices& services);

/// Removes the part and what is kept beside it.
void RemovePart(const Path& part);

}  // namespace besom::cli
