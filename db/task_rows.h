#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"

namespace besom::db {

// Plain values that the recorder hands to the results store. Digests and keys
// are lower-case hexadecimal; times are seconds since 1970-01-01 UTC, given by
// the caller's clock; texts may hold any UTF-8.

struct BlobRow {
  std::string port;
  std::string digest;
  std::uint64_t size = 0;
  bool removed = false;  ///< Taken out of the store on purpose (BlobBook).
  bool operator==(const BlobRow&) const = default;
};

/// A finished task: what to find instead of running it again.
struct ActionRow {
  std::string key;
  std::string stage;
  int version = 0;     ///< Of the stage.
  std::string space;   ///< The features' space; "" where there is none.
  std::string params;  ///< JSON, for `plan --explain`.
  std::string label;   ///< For people: "vgg16 shard 3".
  double seconds = 0;  ///< Of computing it.
  Json counters = Json::object();  ///< Small numbers; "images" is the work.
  std::string host;
  int rank = 0;
  double finished = 0;
  std::vector<BlobRow> blobs;  ///< Sorted by port when read.
  /// Some of its blobs were removed on purpose, so it is not done any more.
  bool removed() const {
    for (const BlobRow& blob : blobs)
      if (blob.removed) return true;
    return false;
  }
};

/// A task of the sweep that was found done instead of run.
struct CacheHit {
  std::string stage;
  std::string key;
};

/// One run of a task on one rank.
struct AttemptRow {
  std::string key;  ///< The task's action key.
  std::string stage;
  std::string trial;  ///< "" = shared by several trials: NULL.
  std::string host;
  std::string device;  ///< "cpu", "cuda:0".
  int rank = 0;
  int signal = 0;       ///< That ended it; 0 = none.
  std::string outcome;  ///< "done", "failed", "lost", "interrupted".
  std::string message;
  double started = 0;
  double seconds = 0;
};

struct EventRow {
  double time = 0;
  std::string kind;  ///< One word: "started", "resumed", "rank_lost".
  Json text;         ///< What there is to say.
};

/// A file digest that holds as long as the file's stat is the same.
struct FileDigestRow {
  std::string path;  ///< Absolute.
  FileStat stat;
  std::string digest;
};

}  // namespace besom::db
