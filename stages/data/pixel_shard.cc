// Layout of a shard, version 2; numbers are little endian:
//
//   offset  bytes  what
//        0      8  magic "BESOMPIX"
//        8      4  version, 2
//       12      4  size: side of every image in pixels
//       16      8  table_bytes: length of the table
//       24      8  total_bytes: length of the whole shard
//       32     32  SHA-256 of bytes 0 to 31 followed by the table
//       64      t  table: JSON array of records {content, error, mode, width,
//                  height, channels, hash, pixels, offset}
//      ...         zeros up to a multiple of 64, then the pixels; each image
//                  starts at a multiple of 64 from the start of the shard
//
// `offset` counts from the first multiple of 64 after the table, so that the
// table's length does not depend on itself; PixelRecord::offset counts from
// the start of the shard.
#include "stages/data/pixel_shard.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "pipeline/base/json.h"

namespace besom::stages {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the layout is little endian");

constexpr char kMagic[8] = {'B', 'E', 'S', 'O', 'M', 'P', 'I', 'X'};
constexpr std::uint32_t kVersion = 2;
constexpr std::uint64_t kAlignment = 64;
/// Largest side that a shard may state; keeps sizes far from overflow.
constexpr std::uint32_t kMaxSize = 1U << 16;

struct Head {
  char magic[8];
  std::uint32_t version;
  std::uint32_t size;
  std::uint64_t table_bytes;
  std::uint64_t total_bytes;
};
static_assert(sizeof(Head) == 32);
constexpr std::uint64_t kTableOffset = sizeof(Head) + sizeof(Digest::bytes);

std::uint64_t Align(std::uint64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t ImageBytes(std::uint64_t size, int channels) {
  return size * size * static_cast<std::uint64_t>(channels);
}

Digest DigestOfTable(const Head& head, std::string_view table) {
  Hasher hasher;
  hasher.Update(std::as_bytes(std::span(&head, 1)));
  hasher.Update(table);
  return hasher.Finish();
}

Digest DigestOfPixels(int channels, std::span<const std::uint8_t> pixels) {
  Hasher hasher;
  hasher.Update(fmt::format("{}\n", channels));
  hasher.Update(std::as_bytes(pixels));
  return hasher.Finish();
}

Json RecordToJson(const PixelRecord& record) {
  return {{"content", record.content.Hex()},
          {"error", record.error},
          {"mode", record.mode},
          {"width", record.source_width},
          {"height", record.source_height},
          {"channels", record.channels},
          {"hash", fmt::format("{:016x}", record.hash)},
          {"pixels", record.pixels.Hex()},
          {"offset", record.offset}};
}

Result<std::uint64_t> HashFromHex(const std::string& text) {
  std::uint64_t hash = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, hash, 16);
  if (error != std::errc() || stop != end)
    return CorruptError("pixel shard", "a hash that is none");
  return hash;
}

Result<PixelRecord> RecordFromJson(const Json& json) {
  PixelRecord record;
  json.at("error").get_to(record.error);
  json.at("mode").get_to(record.mode);
  json.at("width").get_to(record.source_width);
  json.at("height").get_to(record.source_height);
  json.at("channels").get_to(record.channels);
  json.at("offset").get_to(record.offset);
  BESOM_ASSIGN_OR_RETURN(
      record.hash, HashFromHex(json.at("hash").get_ref<const std::string&>()));
  BESOM_ASSIGN_OR_RETURN(
      record.content,
      Digest::FromHex(json.at("content").get_ref<const std::string&>()));
  BESOM_ASSIGN_OR_RETURN(
      record.pixels,
      Digest::FromHex(json.at("pixels").get_ref<const std::string&>()));
  return record;
}

Status Corrupt(std::string cause) {
  return CorruptError("pixel shard", std::move(cause),
                      "delete it; the next run makes it again");
}

/// Reads and checks everything before the pixels.
Result<Head> ReadHead(std::string_view text) {
  if (text.size() < kTableOffset) return Corrupt("cut off in its head");
  Head head;
  std::memcpy(&head, text.data(), sizeof(head));
  if (std::memcmp(head.magic, kMagic, sizeof(kMagic)) != 0)
    return Corrupt("does not begin as a shard");
  if (head.version != kVersion)
    return Corrupt(
        fmt::format("version {}, this besom reads {}", head.version, kVersion));
  if (head.total_bytes != text.size())
    return Corrupt(fmt::format("{} bytes, its head says {}", text.size(),
                               head.total_bytes));
  if (head.table_bytes > text.size() - kTableOffset || head.size == 0 ||
      head.size > kMaxSize)
    return Corrupt("impossible numbers in its head");
  Digest stored;
  std::memcpy(stored.bytes.data(), text.data() + sizeof(head),
              stored.bytes.size());
  if (stored !=
      DigestOfTable(head, text.substr(kTableOffset, head.table_bytes)))
    return Corrupt("its head or table was changed");
  return head;
}

Result<std::vector<PixelRecord>> ReadTable(std::string_view table) {
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(table, "pixel shard"));
  std::vector<PixelRecord> records;
  try {
    for (const Json& item : json) {
      BESOM_ASSIGN_OR_RETURN(PixelRecord record, RecordFromJson(item));
      records.push_back(std::move(record));
    }
  } catch (const Json::exception& error) {
    return Corrupt(error.what());
  }
  return records;
}

}  // namespace

Result<PixelShard> PixelShard::Open(Artifact artifact) {
  const std::string_view text = artifact.text();
  BESOM_ASSIGN_OR_RETURN(const Head head, ReadHead(text));
  PixelShard shard;
  shard.size_ = static_cast<int>(head.size);
  BESOM_ASSIGN_OR_RETURN(
      shard.records_, ReadTable(text.substr(kTableOffset, head.table_bytes)));
  const std::uint64_t start = Align(kTableOffset + head.table_bytes);
  for (std::size_t i = 0; i < shard.records_.size(); ++i) {
    PixelRecord& record = shard.records_[i];
    if (record.error.empty()) {
      if (record.channels != 1 && record.channels != 3)
        return Corrupt(
            fmt::format("record {} has {} channels", i, record.channels));
      const std::uint64_t bytes = ImageBytes(head.size, record.channels);
      if (start > text.size() || record.offset > text.size() - start ||
          bytes > text.size() - start - record.offset)
        return Corrupt(fmt::format("record {} lies outside of it", i));
      record.offset += start;
    }
    shard.where_.emplace(record.content, i);
  }
  shard.artifact_ = std::move(artifact);
  return shard;
}

std::string PixelShard::Pack(
    int size, std::vector<PixelRecord> records,
    const std::vector<std::vector<std::uint8_t>>& pixels) {
  BESOM_CHECK(pixels.size() == records.size(), "one image a record");
  Json table = Json::array();
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    PixelRecord& record = records[i];
    if (record.error.empty()) {
      const std::uint64_t bytes =
          ImageBytes(static_cast<std::uint64_t>(size), record.channels);
      BESOM_CHECK(pixels[i].size() == bytes, "pixels do not fill the record");
      record.pixels = DigestOfPixels(record.channels, pixels[i]);
      record.offset = Align(end);
      end = record.offset + bytes;
    }
    table.push_back(RecordToJson(record));
  }
  const std::string text = CanonicalText(table);
  const std::uint64_t start = Align(kTableOffset + text.size());
  Head head{
      {}, kVersion, static_cast<std::uint32_t>(size), text.size(), start + end};
  std::memcpy(head.magic, kMagic, sizeof(kMagic));
  const Digest digest = DigestOfTable(head, text);

  std::string shard(head.total_bytes, '\0');
  std::memcpy(shard.data(), &head, sizeof(head));
  std::memcpy(shard.data() + sizeof(head), digest.bytes.data(),
              digest.bytes.size());
  std::memcpy(shard.data() + kTableOffset, text.data(), text.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!records[i].error.empty()) continue;
    std::memcpy(shard.data() + start + records[i].offset, pixels[i].data(),
                pixels[i].size());
  }
  return shard;
}

std::span<const std::uint8_t> PixelShard::pixels(std::size_t index) const {
  BESOM_CHECK(index < records_.size() && records_[index].error.empty(),
              "no pixels in that record");
  const PixelRecord& record = records_[index];
  const std::span<const std::byte> bytes = artifact_.bytes().subspan(
      record.offset,
      ImageBytes(static_cast<std::uint64_t>(size_), record.channels));
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

std::optional<std::size_t> PixelShard::Find(const Digest& content) const {
  const auto it = where_.find(content);
  if (it == where_.end()) return std::nullopt;
  return it->second;
}

}  // namespace besom::stages
