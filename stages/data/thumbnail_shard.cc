// Layout of a shard, version 1; numbers are little endian:
//
//   offset  bytes  what
//        0      8  magic "BESOMTHU"
//        8      4  version, 1
//       12      4  side of every thumbnail in pixels, 64
//       16      8  count
//       24   48 c  records: content (32), hash (8), width (4), height (4)
//      ...  4096 c  thumbnails in the order of the records
#include "stages/data/thumbnail_shard.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace besom::stages {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the layout is little endian");

constexpr char kMagic[8] = {'B', 'E', 'S', 'O', 'M', 'T', 'H', 'U'};
constexpr std::uint32_t kVersion = 1;

struct Head {
  char magic[8];
  std::uint32_t version;
  std::uint32_t side;
  std::uint64_t count;
};
static_assert(sizeof(Head) == 24);

struct Row {
  Digest content;
  std::uint64_t hash;
  std::uint32_t width, height;
};
static_assert(sizeof(Row) == 48);

Status Corrupt(std::string cause) {
  return CorruptError("thumbnail shard", std::move(cause),
                      "delete it; the next run makes it again");
}

}  // namespace

Result<ThumbnailShard> ThumbnailShard::Open(Artifact artifact) {
  const std::string_view text = artifact.text();
  if (text.size() < sizeof(Head)) return Corrupt("cut off in its head");
  Head head;
  std::memcpy(&head, text.data(), sizeof(head));
  if (std::memcmp(head.magic, kMagic, sizeof(kMagic)) != 0)
    return Corrupt("does not begin as a shard");
  if (head.version != kVersion || head.side != kThumbnailSide)
    return Corrupt(
        fmt::format("version {}, this besom reads {}", head.version, kVersion));
  constexpr std::uint64_t kEach = sizeof(Row) + kThumbnailBytes;
  if (head.count != (text.size() - sizeof(head)) / kEach ||
      text.size() != sizeof(head) + head.count * kEach)
    return Corrupt(
        fmt::format("{} bytes for {} images", text.size(), head.count));
  ThumbnailShard shard;
  shard.records_.resize(head.count);
  for (std::size_t i = 0; i < shard.records_.size(); ++i) {
    Row row;
    std::memcpy(&row, text.data() + sizeof(head) + i * sizeof(row),
                sizeof(row));
    shard.records_[i] = {row.content, static_cast<int>(row.width),
                         static_cast<int>(row.height), row.hash};
  }
  shard.artifact_ = std::move(artifact);
  return shard;
}

std::string ThumbnailShard::Pack(const std::vector<ThumbnailRecord>& records,
                                 const std::vector<Thumbnail>& thumbnails) {
  BESOM_CHECK(thumbnails.size() == records.size(), "one thumbnail a record");
  Head head{{}, kVersion, kThumbnailSide, records.size()};
  std::memcpy(head.magic, kMagic, sizeof(kMagic));
  std::string shard(sizeof(head), '\0');
  std::memcpy(shard.data(), &head, sizeof(head));
  shard.reserve(sizeof(head) +
                records.size() * (sizeof(Row) + kThumbnailBytes));
  for (const ThumbnailRecord& record : records) {
    const Row row{record.content, record.hash,
                  static_cast<std::uint32_t>(record.width),
                  static_cast<std::uint32_t>(record.height)};
    shard.append(reinterpret_cast<const char*>(&row), sizeof(row));
  }
  for (const Thumbnail& thumbnail : thumbnails)
    shard.append(reinterpret_cast<const char*>(thumbnail.data()),
                 thumbnail.size());
  return shard;
}

ThumbnailView ThumbnailShard::thumbnail(std::size_t index) const {
  BESOM_CHECK(index < records_.size(), "no such thumbnail");
  const std::span<const std::byte> bytes = artifact_.bytes().subspan(
      sizeof(Head) + records_.size() * sizeof(Row) + index * kThumbnailBytes,
      kThumbnailBytes);
  return ThumbnailView(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                       kThumbnailBytes);
}

}  // namespace besom::stages
