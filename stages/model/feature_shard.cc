#include "stages/model/feature_shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "pipeline/base/check.h"

// Layout, little endian, no padding but where it says so:
//   bytes 0-7    "BSMFEAT1"
//   8-11         dimension D (uint32, at least 1)
//   12-15        rows N (uint32)
//   16-23        length T of the view texts (uint64)
//   24-31        how numbers are stored: 0 float32, 1 bfloat16 (uint64)
//   then N keys of 40 bytes: 32 content digest, 4 offset of the view's text
//                (uint32), 4 its length (uint32)
//   then T bytes of view texts (each distinct view once)
//   then zeros up to a multiple of 64 bytes from the start
//   then N * D numbers
// and nothing behind.

namespace besom::stages {
namespace {

static_assert(std::endian::native == std::endian::little,
              "rows are read in place");

constexpr std::string_view kMagic = "BSMFEAT1";
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kKeyBytes = 40;
constexpr std::size_t kDigestBytes = 32;
/// Rows start on a cache line.
constexpr std::size_t kAlignment = 64;
constexpr std::uint64_t kBfloat16Code = 1;

std::size_t Aligned(std::size_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

template <typename T>
T Load(std::string_view bytes, std::size_t offset) {
  T number;
  std::memcpy(&number, bytes.data() + offset, sizeof(T));
  return number;
}

template <typename T>
void Append(std::string& bytes, T number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof(T));
}

Status Corrupt(const char* what) { return CorruptError("feature shard", what); }

/// Sizes of the parts, as the header tells them.
struct ShardHeader {
  std::uint32_t dimension = 0, rows = 0;
  std::uint64_t text_bytes = 0, type = 0;

  std::size_t text_offset() const {
    return kHeaderBytes + std::size_t{rows} * kKeyBytes;
  }
  std::size_t rows_offset() const {
    return Aligned(text_offset() + text_bytes);
  }
  std::size_t number_bytes() const {
    return type == kBfloat16Code ? sizeof(std::uint16_t) : sizeof(float);
  }
};

Result<ShardHeader> ReadHeader(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || bytes.substr(0, kMagic.size()) != kMagic)
    return Corrupt("the magic word is missing");
  const ShardHeader header{
      Load<std::uint32_t>(bytes, 8), Load<std::uint32_t>(bytes, 12),
      Load<std::uint64_t>(bytes, 16), Load<std::uint64_t>(bytes, 24)};
  // Each bound keeps the next sum from overflowing.
  if (header.dimension == 0 || header.dimension > (1U << 30))
    return Corrupt("the dimension is out of range");
  if (header.type > kBfloat16Code)
    return Corrupt("its numbers are of an unknown type");
  if (header.text_bytes > bytes.size() || header.text_offset() > bytes.size())
    return Corrupt("cut short");
  if (bytes.size() != header.rows_offset() + std::size_t{header.rows} *
                                                 header.dimension *
                                                 header.number_bytes())
    return Corrupt("its size is not what the header says");
  return header;
}

}  // namespace

void FeatureRow::CopyTo(std::span<float> into) const {
  BESOM_CHECK(into.size() == size_, fmt::to_string(into.size()));
  if (floats_ != nullptr)
    std::copy_n(floats_, size_, into.begin());
  else
    std::transform(halves_, halves_ + size_, into.begin(), FromBfloat16);
}

Result<FeatureShard> FeatureShard::Open(Artifact artifact) {
  const std::string_view bytes = artifact.text();
  BESOM_ASSIGN_OR_RETURN(const ShardHeader header, ReadHeader(bytes));
  const std::string_view texts = bytes.substr(
      header.text_offset(), static_cast<std::size_t>(header.text_bytes));
  FeatureShard shard;
  shard.dimension_ = static_cast<int>(header.dimension);
  if (header.type == kBfloat16Code) shard.type_ = NumberType::kBfloat16;
  shard.rows_offset_ = header.rows_offset();
  shard.keys_.resize(header.rows);
  std::size_t at = kHeaderBytes;
  for (FeatureKey& key : shard.keys_) {
    std::memcpy(key.content.bytes.data(), bytes.data() + at, kDigestBytes);
    const auto offset = Load<std::uint32_t>(bytes, at + kDigestBytes);
    const auto length = Load<std::uint32_t>(bytes, at + kDigestBytes + 4);
    if (offset > texts.size() || length > texts.size() - offset)
      return Corrupt("a view's text lies outside");
    key.view = texts.substr(offset, length);
    at += kKeyBytes;
  }
  shard.artifact_ = std::move(artifact);
  return shard;
}

std::string FeatureShard::Pack(int dimension,
                               const std::vector<FeatureKey>& keys,
                               std::span<const float> rows, NumberType type) {
  const bool halves = type == NumberType::kBfloat16;
  BESOM_CHECK(
      dimension > 0 &&
          rows.size() == keys.size() * static_cast<std::size_t>(dimension),
      fmt::format("{} numbers for {} rows of {}", rows.size(), keys.size(),
                  dimension));
  std::string texts, index;
  std::unordered_map<std::string, std::uint32_t> places;
  for (const FeatureKey& key : keys) {
    const auto [place, added] =
        places.emplace(key.view, static_cast<std::uint32_t>(texts.size()));
    if (added) texts += key.view;
    index.append(reinterpret_cast<const char*>(key.content.bytes.data()),
                 kDigestBytes);
    Append(index, place->second);
    Append(index, static_cast<std::uint32_t>(key.view.size()));
  }
  std::string bytes(kMagic);
  bytes.reserve(Aligned(kHeaderBytes + index.size() + texts.size()) +
                rows.size_bytes());
  Append(bytes, static_cast<std::uint32_t>(dimension));
  Append(bytes, static_cast<std::uint32_t>(keys.size()));
  Append(bytes, static_cast<std::uint64_t>(texts.size()));
  Append(bytes, halves ? kBfloat16Code : std::uint64_t{0});
  bytes += index;
  bytes += texts;
  bytes.resize(Aligned(bytes.size()), '\0');
  if (halves)
    for (const float number : rows) Append(bytes, ToBfloat16(number));
  else
    bytes.append(reinterpret_cast<const char*>(rows.data()), rows.size_bytes());
  return bytes;
}

FeatureRow FeatureShard::row(std::size_t index) const {
  BESOM_CHECK(index < keys_.size(), fmt::format("row {}", index));
  const auto width = static_cast<std::size_t>(dimension_);
  // The store maps blobs page-aligned and Pack aligns the rows within them.
  const auto in_place = [&]<typename T>(const T* first) {
    return FeatureRow(std::span(first + index * width, width));
  };
  const std::byte* rows = artifact_.bytes().data() + rows_offset_;
  if (type_ == NumberType::kBfloat16)
    return in_place(reinterpret_cast<const std::uint16_t*>(rows));
  return in_place(reinterpret_cast<const float*>(rows));
}

std::size_t FeatureIndex::KeyHash::operator()(
    const FeatureKey& key) const noexcept {
  return std::hash<Digest>()(key.content) * 31 +
         std::hash<std::string>()(key.view);
}

Result<FeatureIndex> FeatureIndex::Over(
    const std::vector<Artifact>& artifacts) {
  FeatureIndex index;
  for (const Artifact& artifact : artifacts) {
    BESOM_ASSIGN_OR_RETURN(FeatureShard shard, FeatureShard::Open(artifact));
    if (index.dimension_ != 0 && index.dimension_ != shard.dimension())
      return Corrupt("shards of one space differ in dimension");
    index.dimension_ = shard.dimension();
    for (std::size_t row = 0; row < shard.keys().size(); ++row)
      index.where_.emplace(shard.keys()[row],
                           std::pair(index.shards_.size(), row));
    index.shards_.push_back(std::move(shard));
  }
  return index;
}

FeatureRow FeatureIndex::Find(const FeatureKey& key) const {
  const auto it = where_.find(key);
  if (it == where_.end()) return {};
  return shards_[it->second.first].row(it->second.second);
}

}  // namespace besom::stages
