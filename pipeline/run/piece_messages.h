#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/base/json.h"
#include "pipeline/store/artifact.h"

namespace besom::run {

// What hosts that do not see rank 0's workspace exchange with rank 0: blobs, in
// pieces that are short enough for rank 0 to stay responsive. Whoever wants a
// piece answered sends the next one only then, so that a rank has a few in
// flight at most.

/// Bytes of a piece.
inline constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

/// Worker to coordinator: send the bytes from `offset` on.
struct PieceAsked {
  std::int64_t number = 0;  ///< Of the transfer, within its rank.
  BlobRef blob;  ///< Of anything but a blob the size is not known: 0.
  enum class What {
    kBlob,        ///< Of the store.
    kFile,        ///< `file`, a path at rank 0, of that digest.
    kCheckpoint,  ///< Of the task whose key the digest is.
  };
  What what = What::kBlob;
  std::string file;
  std::uint64_t offset = 0;
};

/// Coordinator to worker.
struct PieceSent {
  std::int64_t number = 0;
  Status status;
  std::uint64_t size = 0;  ///< Of all pieces together.
  std::string bytes;
};

/// Worker to coordinator: store this blob, or checkpoint. In order; the last
/// piece is the one with which it is complete.
struct PieceGiven {
  std::int64_t number = 0;
  BlobRef blob;
  std::optional<Digest> checkpoint;  ///< The key of its task; none = a blob.
  std::uint64_t offset = 0;
  std::string bytes;
};

/// Coordinator to worker.
struct PieceTaken {
  std::int64_t number = 0;
  Status status;
  bool complete = false;  ///< The blob is stored durably.
};

Json ToJson(const PieceAsked& asked);
Json ToJson(const PieceSent& sent);
Json ToJson(const PieceGiven& given);
Json ToJson(const PieceTaken& taken);
// Throw Json::exception for anything else than ToJson made.
PieceAsked PieceAskedFrom(const Json& json);
PieceSent PieceSentFrom(const Json& json);
PieceGiven PieceGivenFrom(const Json& json);
PieceTaken PieceTakenFrom(const Json& json);

Json ToJson(const BlobRef& blob);
BlobRef BlobRefFrom(const Json& json);

}  // namespace besom::run
