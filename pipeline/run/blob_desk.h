#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/run/task_messages.h"
#include "pipeline/store/blob_store.h"
#include "pipeline/store/blob_writer.h"

namespace besom::run {

/// Rank 0's end of what BlobCourier does at the others: reads the pieces that
/// they ask for and stores the blobs that they give. The disk is used by
/// threads of its own, so that rank 0 goes on scheduling; its control thread
/// hands in what came and sends the answers (Take).
///
/// A blob is complete, and said to be, only when it is in the store durably
/// with the right digest; one that is not finished leaves nothing. Messages of
/// one rank are handled in their order. Borrows the store.
/// Thread safety: the control thread calls everything.
class BlobDesk {
 public:
  /// `wake` is called from any thread when an answer is there to be taken.
  BlobDesk(BlobStore& store, std::function<void()> wake);
  ~BlobDesk();

  void HandIn(int rank, PieceAsked asked);
  void HandIn(int rank, PieceGiven given);
  /// The rank is lost: what it has begun to give is dropped.
  void Forget(int rank);

  struct Reply {
    int rank = 0;
    Message message;
  };
  /// The next answer; none when there is none yet.
  std::optional<Reply> Take();

 private:
  class Clerk;
  Clerk& ClerkOf(int rank);

  std::mutex mutex_;
  std::deque<Reply> replies_;  // Guarded by mutex_.
  std::vector<std::unique_ptr<Clerk>> clerks_;
};

}  // namespace besom::run
