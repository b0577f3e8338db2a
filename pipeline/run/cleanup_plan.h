#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/blob_book.h"
#include "pipeline/base/files.h"

namespace besom::run {

/// A file of the store.
struct StoreFile {
  enum class Kind {
    kBlob,        ///< `name` is its digest.
    kDamaged,     ///< What was moved aside (DIGEST.corrupt).
    kTemporary,   ///< Half written, by a process that is dead.
    kCheckpoint,  ///< `name` is the key of its task.
    kOther,       ///< Not known; never touched.
  };
  Kind kind = Kind::kOther;
  Path path;
  std::string name;
  std::uint64_t bytes = 0;
};

/// All that decides what is removed; plain values.
struct CleanupFacts {
  std::vector<StoreFile> files;
  db::StoreRecord record;
  /// Digests that a dead run has stored but not committed.
  std::set<std::string> to_adopt;
  /// What parts of shards name, which are not merged yet: all of it stays.
  std::set<std::string> of_parts;
};

/// Whose trained models stay, of each sweep.
enum class KeepModels {
  kBest,  ///< Of the trial that ranks first.
  kLast,  ///< Of that one and of the one that ended last.
  kAll,
};

struct CleanupPolicy {
  KeepModels keep = KeepModels::kAll;
  std::optional<std::uint64_t> max_bytes = {};  ///< Of the store.
};

enum class CleanupKind {
  kOrphans,
  kDamaged,
  kTemporaries,
  kCheckpoints,
  kPixels,
  kViews,
  kFeatures,
  kWeights,
};
inline constexpr std::array<std::string_view, 8> kCleanupKindNames = {
    "orphans", "damaged", "temporaries", "checkpoints",
    "pixels",  "views",   "features",    "weights"};

struct Removal {
  CleanupKind kind = CleanupKind::kOrphans;
  std::size_t file = 0;  ///< Index in the facts.
};

struct CleanupPlan {
  std::vector<Removal> removals;  ///< In the order in which they were chosen.
  /// (key, port) of the blobs that the database must call removed first.
  std::vector<std::pair<std::string, std::string>> forgotten;
  std::uint64_t bytes_before = 0, bytes_after = 0;  ///< Of all files.
  // What is left that no cap removes.
  std::uint64_t bytes_of_best = 0;     ///< Models that rank first.
  std::uint64_t bytes_of_results = 0;  ///< Scans, splits, evaluations, ...
  std::uint64_t bytes_to_adopt = 0;    ///< For the next run to take over.
  std::uint64_t bytes_of_unknown = 0;  ///< Files that are not known.
};

/// Decides what goes; a pure function, the same for the same facts.
///
/// Always: blobs that the database does not name and that no dead run has
/// stored for adoption; damaged files; temporaries; checkpoints of tasks that
/// are done.
/// By `keep`: trained models, but not those of trials that have not ended, nor
/// those that wait for an evaluation, nor any of a sweep with finished trials
/// of which none ranks first. What one sweep keeps stays.
/// By `max_bytes`, until the store is no larger: pixels, views and features,
/// those first that were made first; models from the worst rank upwards, those
/// of unranked trials first, those of work in progress last; checkpoints.
/// Never the models that rank first, nor what makes a finished sweep finished.
CleanupPlan PlanCleanup(const CleanupFacts& facts, const CleanupPolicy& policy);

}  // namespace besom::run
