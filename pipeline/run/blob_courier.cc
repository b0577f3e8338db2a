#include "pipeline/run/blob_courier.h"

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/store/blob_writer.h"

namespace besom::run {
namespace {

Status IsGone() {
  return {StatusCode::kInterrupted, "rank 0", "answers no more"};
}

Status MustEnd() {
  return {StatusCode::kInterrupted, "blobs", "asked to stop"};
}

}  // namespace

BlobCourier::BlobCourier(BlobStore& store, std::function<void()> wake)
    : store_(store), wake_(std::move(wake)) {}

std::int64_t BlobCourier::NextNumber() {
  const std::lock_guard lock(mutex_);
  return next_number_++;
}

/// Sends `message` of a transfer and waits for its answer.
Result<BlobCourier::Answer> BlobCourier::Ask(std::int64_t number,
                                             Message message) {
  std::unique_lock lock(mutex_);
  if (closed_) return IsGone();
  awaited_[number] = std::nullopt;
  outbox_.push_back(std::move(message));
  wake_();
  answered_.wait(lock, [&] { return closed_ || awaited_[number]; });
  const auto found = awaited_.find(number);
  std::optional<Answer> answer = std::move(found->second);
  awaited_.erase(found);
  if (!answer) return IsGone();
  return *std::move(answer);
}

void BlobCourier::HandIn(std::int64_t number, Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = awaited_.find(number);
    if (found == awaited_.end()) return;
    found->second = std::move(answer);
  }
  answered_.notify_all();
}

void BlobCourier::HandIn(PieceSent sent) {
  HandIn(sent.number,
         {std::move(sent.status), sent.size, std::move(sent.bytes), false});
}

void BlobCourier::HandIn(PieceTaken taken) {
  HandIn(taken.number, {std::move(taken.status), 0, "", taken.complete});
}

void BlobCourier::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  answered_.notify_all();
}

std::optional<Message> BlobCourier::Take() {
  const std::lock_guard lock(mutex_);
  if (outbox_.empty()) return std::nullopt;
  Message message = std::move(outbox_.front());
  outbox_.pop_front();
  return message;
}

/// `blob.size` of a file is what the first piece says.
Status BlobCourier::FetchOnce(BlobRef blob, PieceAsked::What what,
                              const std::string& file,
                              const Progress& progress) {
  const std::int64_t number = NextNumber();
  std::optional<BlobWriter> writer;
  do {
    const std::uint64_t offset = writer ? writer->size() : 0;
    BESOM_ASSIGN_OR_RETURN(
        const Answer answer,
        Ask(number, PieceAsked{number, blob, what, file, offset}));
    BESOM_RETURN_IF_ERROR(answer.status);
    if (!writer) {
      if (what == PieceAsked::What::kFile) blob.size = answer.size;
      BESOM_ASSIGN_OR_RETURN(BlobWriter begun,
                             BlobWriter::Begin(store_.layout(), blob));
      writer.emplace(std::move(begun));
    }
    if (answer.size != blob.size ||
        (answer.bytes.empty() && writer->size() < blob.size))
      return CorruptError(blob.digest.Hex(), "rank 0 has another size of it");
    BESOM_RETURN_IF_ERROR(writer->Append(answer.bytes));
    if (progress()) return MustEnd();
  } while (writer->size() < blob.size);
  return writer->Finish();
}

Status BlobCourier::Fetch(const BlobRef& blob, const Progress& progress) {
  constexpr auto kWhat = PieceAsked::What::kBlob;
  const Status fetched = FetchOnce(blob, kWhat, "", progress);
  if (fetched.code() != StatusCode::kCorrupt) return fetched;
  Log(LogLevel::kWarning, "a blob is fetched again: " + fetched.ToString());
  return FetchOnce(blob, kWhat, "", progress);
}

Result<Path> BlobCourier::FetchFile(const Digest& digest,
                                    const std::string& file,
                                    const Progress& progress) {
  const Path here = store_.layout().blob(digest);
  // The reader checks its digest.
  if (StatFile(here).ok()) return here;
  BESOM_RETURN_IF_ERROR(
      FetchOnce({digest, 0}, PieceAsked::What::kFile, file, progress)
          .Within(file));
  return here;
}

Result<std::string> BlobCourier::FetchCheckpoint(const Digest& key,
                                                 const Progress& progress) {
  const std::int64_t number = NextNumber();
  std::string bytes;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const Answer answer,
                           Ask(number, PieceAsked{number,
                                                  {key, 0},
                                                  PieceAsked::What::kCheckpoint,
                                                  "",
                                                  bytes.size()}));
    BESOM_RETURN_IF_ERROR(answer.status);
    bytes += answer.bytes;
    [[maybe_unused]] const bool stop = progress();
    if (answer.bytes.empty() || bytes.size() >= answer.size) return bytes;
  }
}

Status BlobCourier::DeliverCheckpoint(const Digest& key, std::string_view bytes,
                                      const Progress& progress) {
  return Give({DigestOf(bytes), bytes.size()}, key, bytes, progress);
}

Status BlobCourier::Deliver(const BlobRef& blob, std::string_view bytes,
                            const Progress& progress) {
  return Give(blob, std::nullopt, bytes, progress);
}

Status BlobCourier::Give(const BlobRef& blob,
                         const std::optional<Digest>& checkpoint,
                         std::string_view bytes, const Progress& progress) {
  const std::int64_t number = NextNumber();
  std::uint64_t offset = 0;
  while (true) {
    const std::string_view piece =
        bytes.substr(static_cast<std::size_t>(offset), kPieceBytes);
    BESOM_ASSIGN_OR_RETURN(const Answer answer,
                           Ask(number, PieceGiven{number, blob, checkpoint,
                                                  offset, std::string(piece)}));
    BESOM_RETURN_IF_ERROR(answer.status);
    if (answer.complete) return Status::Ok();
    offset += piece.size();
    if (offset >= bytes.size())
      return InternalError("rank 0", "has all of a blob and does not say so");
    [[maybe_unused]] const bool stop = progress();
  }
}

}  // namespace besom::run
