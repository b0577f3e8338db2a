#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::db {

class Connection;

enum class ClaimState {
  kMine,  ///< The asking run holds it (from now on, or already).
  kHeld,  ///< Another run holds it.
  kDone,  ///< Its action is committed: look it up.
};

struct ClaimAnswer {
  ClaimState state = ClaimState::kMine;
  std::string holder;  ///< The run, when kHeld.
  bool operator==(const ClaimAnswer&) const = default;
};

/// Which run works on which task, for several runs on one database. A claim
/// ends with ResultsStore::Commit of the action, with Release, or when another
/// run takes over the claims of a dead one; who is alive only run locks tell.
///
/// Every call is one transaction. Claims survive kill -9 of the writer but not
/// a power cut, which no run survives either: its connection appends to the
/// write-ahead log without syncing (synchronous=NORMAL) and never checkpoints.
/// (synchronous=OFF would not sync the log's header when the log starts over,
/// and a power cut could then damage the results.) With a rollback journal each
/// call is synced (FULL): what undoes it has to be on the disk before the file
/// is changed.
/// Errors: as ResultsStore.
/// Thread safety: one thread at a time. Several processes may have one each.
class ClaimBook {
 public:
  /// Opens a database that ResultsStore::Open has made or migrated.
  static Result<std::unique_ptr<ClaimBook>> Open(
      const Path& path,
      std::chrono::milliseconds busy_timeout = std::chrono::seconds(30));
  ~ClaimBook();
  ClaimBook(const ClaimBook&) = delete;
  ClaimBook& operator=(const ClaimBook&) = delete;

  /// As Connection::WaitWhileBusy.
  void WaitWhileBusy(std::function<bool(double waited)> keep_waiting);

  /// Claims for `run` all of `keys` that are free; answers parallel to `keys`.
  /// An action whose blobs are gone must be forgotten first
  /// (ResultsStore::ForgetActions), else it is answered kDone. `time` is now.
  /// kInterrupted once `run` was taken over (ResultsStore::TakeOverRun).
  Result<std::vector<ClaimAnswer>> Claim(std::string_view run,
                                         const std::vector<std::string>& keys,
                                         double time);

  /// Gives back those of `keys` that `run` holds.
  Status Release(std::string_view run, const std::vector<std::string>& keys);
  Status ReleaseAll(std::string_view run);
  /// Deletes the claims of a run whose lock says that it is dead; returns how
  /// many there were. Nobody else's change.
  Result<std::int64_t> TakeOver(std::string_view dead_run);

  /// The runs that hold claims, sorted.
  Result<std::vector<std::string>> Holders();

 private:
  explicit ClaimBook(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace besom::db
