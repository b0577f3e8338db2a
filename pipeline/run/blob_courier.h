#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "pipeline/run/task_messages.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// The end of a rank whose host does not see rank 0's workspace: brings what
/// its tasks read from rank 0 into the host's own store, and what they leave
/// behind to rank 0. The rank's control thread carries the messages: it takes
/// those that are to be sent (Take) and hands in the answers.
///
/// Ranks of one host share a store; two that fetch one blob at the same time
/// each get it whole. Bytes are held a piece at a time.
/// Thread safety: any thread. Borrows the store.
class BlobCourier {
 public:
  /// `wake` is called, from any thread, when there is something to be sent.
  BlobCourier(BlobStore& store, std::function<void()> wake);

  /// Called for each piece that came over; true = the task must end.
  using Progress = std::function<bool()>;

  /// Brings a blob here. kNotFound: rank 0 lacks it. kCorrupt: what rank 0 has
  /// is not the blob (or it came damaged, twice). kInterrupted: `progress` said
  /// so, or rank 0 is gone.
  Status Fetch(const BlobRef& blob, const Progress& progress);
  /// Brings the file of rank 0 with that digest here; returns where it is now.
  Result<Path> FetchFile(const Digest& digest, const std::string& file,
                         const Progress& progress);
  /// What rank 0 has of the checkpoint of the task of that key; kNotFound where
  /// it has none. Nothing is checked. Does not end when `progress` says so: who
  /// begins anew instead may put less in its place.
  Result<std::string> FetchCheckpoint(const Digest& key,
                                      const Progress& progress);
  /// Has rank 0 put it in the place of what it has, as Deliver.
  Status DeliverCheckpoint(const Digest& key, std::string_view bytes,
                           const Progress& progress);
  /// Has rank 0 store a blob durably; it is in this host's store. Does not end
  /// when `progress` says so: the work is done.
  Status Deliver(const BlobRef& blob, std::string_view bytes,
                 const Progress& progress);

  /// The next message for rank 0; none when there is none now.
  std::optional<Message> Take();
  void HandIn(PieceSent sent);
  void HandIn(PieceTaken taken);
  /// Nothing is answered any more: all that wait, and will, get kInterrupted.
  void Close();

 private:
  struct Answer {
    Status status;
    std::uint64_t size = 0;
    std::string bytes;
    bool complete = false;
  };
  std::int64_t NextNumber();
  Result<Answer> Ask(std::int64_t number, Message message);
  void HandIn(std::int64_t number, Answer answer);
  Status FetchOnce(BlobRef blob, PieceAsked::What what, const std::string& file,
                   const Progress& progress);
  Status Give(const BlobRef& blob, const std::optional<Digest>& checkpoint,
              std::string_view bytes, const Progress& progress);

  BlobStore& store_;
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable answered_;
  // All guarded by mutex_.
  std::deque<Message> outbox_;
  std::map<std::int64_t, std::optional<Answer>> awaited_;  // By transfer.
  std::int64_t next_number_ = 0;
  bool closed_ = false;
};

}  // namespace besom::run
