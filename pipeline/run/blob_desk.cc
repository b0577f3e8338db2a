#include "pipeline/run/blob_desk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <variant>

namespace besom::run {
namespace {

/// Threads: each mostly waits for the disk.
constexpr std::size_t kClerks = 4;

/// A read-only file, for reading at an offset.
Result<PieceSent> ReadPiece(const PieceAsked& asked, const Path& path) {
  BESOM_ASSIGN_OR_RETURN(const FileStat stat, StatFile(path));
  PieceSent sent{asked.number, Status::Ok(), stat.size, ""};
  if (asked.offset >= stat.size) return sent;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(path.string(), "open");
  sent.bytes.resize(static_cast<std::size_t>(
      std::min<std::uint64_t>(kPieceBytes, stat.size - asked.offset)));
  std::size_t done = 0;
  ssize_t n = 1;
  while (done < sent.bytes.size() && n != 0) {
    n = ::pread(fd, sent.bytes.data() + done, sent.bytes.size() - done,
                static_cast<off_t>(asked.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<std::size_t>(n);
  }
  const Status read = n < 0 ? ErrnoError(path.string(), "read") : Status::Ok();
  ::close(fd);
  BESOM_RETURN_IF_ERROR(read);
  sent.bytes.resize(done);
  return sent;
}

struct Forgotten {};
using Task = std::variant<PieceAsked, PieceGiven, Forgotten>;

}  // namespace

/// One of the threads: has ranks of its own.
class BlobDesk::Clerk {
 public:
  Clerk(BlobStore& store, std::function<void(Reply)> reply)
      : store_(store), reply_(std::move(reply)), thread_([this] { Loop(); }) {}

  ~Clerk() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void Add(int rank, Task task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.emplace_back(rank, std::move(task));
    }
    changed_.notify_all();
  }

 private:
  void Loop() {
    while (true) {
      std::pair<int, Task> next;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
        if (stopping_) return;
        next = std::move(tasks_.front());
        tasks_.pop_front();
      }
      const auto& [rank, task] = next;
      if (const auto* asked = std::get_if<PieceAsked>(&task))
        reply_({rank, Read(*asked)});
      else if (const auto* given = std::get_if<PieceGiven>(&task))
        reply_({rank, Keep(rank, *given)});
      else
        std::erase_if(begun_, [rank = rank](const auto& entry) {
          return entry.first.first == rank;
        });
    }
  }

  PieceSent Read(const PieceAsked& asked) const {
    Result<PieceSent> sent = ReadPiece(asked, PathOf(asked));
    if (sent.ok()) return *std::move(sent);
    return PieceSent{asked.number, sent.status(), 0, ""};
  }

  Path PathOf(const PieceAsked& asked) const {
    switch (asked.what) {
      case PieceAsked::What::kFile:
        return asked.file;
      case PieceAsked::What::kCheckpoint:
        return store_.layout().checkpoint(asked.blob.digest);
      case PieceAsked::What::kBlob:
        break;
    }
    return store_.layout().blob(asked.blob.digest);
  }

  PieceTaken Keep(int rank, const PieceGiven& given) {
    const std::pair transfer(rank, given.number);
    const Result<bool> complete = Append(transfer, given);
    if (!complete.ok() || *complete) begun_.erase(transfer);
    return {given.number, complete.status(), complete.ok() && *complete};
  }

  Result<bool> Append(const std::pair<int, std::int64_t>& transfer,
                      const PieceGiven& given) {
    auto found = begun_.find(transfer);
    if (found == begun_.end()) {
      if (given.offset != 0)
        return InternalError("blobs", "a blob does not begin with its start");
      // What it holds is checked, and replaced if need be, by Put.
      if (given.bytes.size() == given.blob.size && !given.checkpoint)
        return Put(given);
      BESOM_ASSIGN_OR_RETURN(
          BlobWriter writer,
          BlobWriter::Begin(given.checkpoint
                                ? store_.layout().checkpoint(*given.checkpoint)
                                : store_.layout().blob(given.blob.digest),
                            given.blob));
      found = begun_.emplace(transfer, std::move(writer)).first;
    }
    if (found->second.size() != given.offset)
      return InternalError("blobs", "pieces of a blob are out of order");
    BESOM_RETURN_IF_ERROR(found->second.Append(given.bytes));
    if (found->second.size() < given.blob.size) return false;
    BESOM_RETURN_IF_ERROR(found->second.Finish());
    return true;
  }

  Result<bool> Put(const PieceGiven& given) {
    if (DigestOf(given.bytes) != given.blob.digest)
      return CorruptError(given.blob.digest.Hex(),
                          "the blob was damaged on its way to rank 0");
    BESOM_RETURN_IF_ERROR(store_.Put(given.bytes).status());
    return true;
  }

  BlobStore& store_;
  const std::function<void(Reply)> reply_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<int, Task>> tasks_;  // Guarded by mutex_.
  bool stopping_ = false;                   // Guarded by mutex_.
  // By (rank, transfer); of the thread alone.
  std::map<std::pair<int, std::int64_t>, BlobWriter> begun_;
  std::thread thread_;
};

BlobDesk::BlobDesk(BlobStore& store, std::function<void()> wake) {
  const auto reply = [this, wake](Reply answer) {
    {
      const std::lock_guard lock(mutex_);
      replies_.push_back(std::move(answer));
    }
    wake();
  };
  for (std::size_t i = 0; i < kClerks; ++i)
    clerks_.push_back(std::make_unique<Clerk>(store, reply));
}

BlobDesk::~BlobDesk() = default;

BlobDesk::Clerk& BlobDesk::ClerkOf(int rank) {
  return *clerks_[static_cast<std::size_t>(rank) % kClerks];
}

void BlobDesk::HandIn(int rank, PieceAsked asked) {
  ClerkOf(rank).Add(rank, std::move(asked));
}

void BlobDesk::HandIn(int rank, PieceGiven given) {
  ClerkOf(rank).Add(rank, std::move(given));
}

void BlobDesk::Forget(int rank) { ClerkOf(rank).Add(rank, Forgotten{}); }

std::optional<BlobDesk::Reply> BlobDesk::Take() {
  const std::lock_guard lock(mutex_);
  if (replies_.empty()) return std::nullopt;
  Reply reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

}  // namespace besom::run
