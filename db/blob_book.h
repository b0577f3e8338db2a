#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::db {

class Connection;

/// A blob that a finished action left behind.
struct StoredBlob {
  std::string key, stage, port;
  std::string digest;
  double finished = 0;   ///< When the action ended.
  bool removed = false;  ///< Taken out of the store on purpose.
};

/// A trained model of a fit whose evaluation is committed.
struct FitModel {
  std::string sweep, trial;
  std::string digest;
  std::int64_t ordinal = 0;  ///< Of the trial in its plan.
  std::int64_t rank = 0;     ///< Of the trial in its sweep; 0 = unranked.
  bool done = false;         ///< The trial is.
  bool pending = false;      ///< The spec holds the trial; it has not ended.
  double finished = 0;       ///< When the trial's last work was recorded.
};

/// What the database says of the store.
struct StoreRecord {
  std::vector<StoredBlob> blobs;  ///< By key and port.
  std::vector<FitModel> models;   ///< By sweep, trial and fit.
  /// Trained models (sweep, digest) of tasks that sweeps whose trials have not
  /// all ended needed: one may wait for its evaluation.
  std::vector<std::pair<std::string, std::string>> unsettled;
};

/// Which blobs are in the store and what for; for who removes some on purpose.
/// Errors: as ResultsStore.
/// Thread safety: one thread at a time.
class BlobBook {
 public:
  /// Opens a database that ResultsStore::Open has made or migrated.
  static Result<std::unique_ptr<BlobBook>> Open(
      const Path& path,
      std::chrono::milliseconds busy_timeout = std::chrono::seconds(30));
  ~BlobBook();
  BlobBook(const BlobBook&) = delete;
  BlobBook& operator=(const BlobBook&) = delete;

  /// All of it in one snapshot.
  Result<StoreRecord> Read();

  /// Notes that the blobs of these (key, port) are no longer to be found, nor
  /// to be waited for, all at once and durably. To be called before they go.
  Status SetRemoved(const std::vector<std::pair<std::string, std::string>>& of,
                    double time);

 private:
  explicit BlobBook(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace besom::db
