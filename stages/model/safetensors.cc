#include "stages/model/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "pipeline/base/check.h"
#include "pipeline/base/json.h"
#include "stages/model/number_type.h"

namespace besom::stages {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little endian and is read in place");

/// Length of the field in front of the header.
constexpr std::size_t kLengthBytes = 8;
/// The reference implementation's limit of a header, bytes.
constexpr std::uint64_t kMaxHeader = 100'000'000;

/// Bytes of one number; 0 for a type that the format does not have.
std::size_t WidthOf(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16")
    return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL" || dtype == "F8_E4M3" ||
      dtype == "F8_E5M2")
    return 1;
  return 0;
}

/// Product of `shape`; nothing when it does not fit or a side is negative.
std::optional<std::size_t> CountOf(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t side : shape) {
    if (side < 0) return std::nullopt;
    const auto factor = static_cast<std::size_t>(side);
    if (factor != 0 &&
        count > std::numeric_limits<std::size_t>::max() / 16 / factor)
      return std::nullopt;
    count *= factor;
  }
  return count;
}

/// Parses JSON; nothing when it is not valid or an object of the two upper
/// levels names a key twice (parsers would disagree on which one counts).
std::optional<Json> ParseWithoutDuplicates(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  bool duplicate = false;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key)
      duplicate |= !keys.back().insert(parsed.get<std::string>()).second;
    return true;
  };
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_discarded() || duplicate || !json.is_object())
    return std::nullopt;
  return json;
}

std::optional<std::vector<std::int64_t>> ReadNumbers(const Json& entry,
                                                     const char* key) {
  const auto it = entry.find(key);
  if (it == entry.end() || !it->is_array()) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Json& number : *it) {
    if (!number.is_number_unsigned()) return std::nullopt;
    const auto value = number.get<std::uint64_t>();
    if (value > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    numbers.push_back(static_cast<std::int64_t>(value));
  }
  return numbers;
}

/// Reads one tensor of the header; a text says what is wrong with it.
std::optional<std::string> ReadEntry(const Json& json,
                                     std::span<const std::byte> data,
                                     TensorEntry& entry) {
  if (!json.is_object()) return "is not an object";
  const auto dtype = json.find("dtype");
  if (dtype == json.end() || !dtype->is_string() ||
      WidthOf(dtype->get_ref<const std::string&>()) == 0)
    return "has no known dtype";
  entry.dtype = dtype->get<std::string>();
  const auto shape = ReadNumbers(json, "shape");
  const auto offsets = ReadNumbers(json, "data_offsets");
  if (!shape || !offsets || offsets->size() != 2)
    return "has no proper shape and data_offsets";
  entry.shape = *shape;
  const auto begin = static_cast<std::size_t>((*offsets)[0]);
  const auto end = static_cast<std::size_t>((*offsets)[1]);
  if (begin > end || end > data.size()) return "lies outside the file";
  const auto count = CountOf(entry.shape);
  if (!count || *count * WidthOf(entry.dtype) != end - begin)
    return "has more or fewer bytes than its shape";
  entry.bytes = data.subspan(begin, end - begin);
  return std::nullopt;
}

/// The format allows neither holes nor overlaps.
bool CoversAll(std::vector<TensorEntry> entries,
               std::span<const std::byte> data) {
  std::sort(entries.begin(), entries.end(),
            [](const TensorEntry& a, const TensorEntry& b) {
              return std::pair(a.bytes.data(), a.bytes.size()) <
                     std::pair(b.bytes.data(), b.bytes.size());
            });
  const std::byte* at = data.data();
  for (const TensorEntry& entry : entries) {
    if (entry.bytes.data() != at) return false;
    at += entry.bytes.size();
  }
  return at == data.data() + data.size();
}

float FromHalf(std::uint16_t bits) {
  const float sign = bits & 0x8000 ? -1.0F : 1.0F;
  const int exponent = bits >> 10 & 0x1F;
  const auto fraction = static_cast<float>(bits & 0x3FF);
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  if (exponent == 31)
    return fraction == 0 ? sign * std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  return sign * std::ldexp(1024.0F + fraction, exponent - 25);
}

template <typename T, typename Convert>
std::vector<float> ConvertAll(std::span<const std::byte> bytes,
                              Convert convert) {
  std::vector<float> numbers(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    T stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(T), sizeof(T));
    numbers[i] = convert(stored);
  }
  return numbers;
}

}  // namespace

Result<Safetensors> Safetensors::OpenFile(const Path& path) {
  BESOM_ASSIGN_OR_RETURN(auto map, MappedFile::Open(path));
  return Open(Artifact({}, std::move(map)), path.string());
}

Result<Safetensors> Safetensors::Open(Artifact artifact, std::string place) {
  const std::span<const std::byte> bytes = artifact.bytes();
  std::uint64_t length = 0;
  if (bytes.size() < kLengthBytes)
    return CorruptError(place, "too short for a .safetensors file");
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeader || length > bytes.size() - kLengthBytes)
    return CorruptError(place, "not a .safetensors file, or cut short");
  const std::string_view header =
      artifact.text().substr(kLengthBytes, static_cast<std::size_t>(length));
  Safetensors file;
  file.place_ = std::move(place);
  BESOM_RETURN_IF_ERROR(
      file.ParseHeader(header, bytes.subspan(kLengthBytes + header.size())));
  file.artifact_ = std::move(artifact);
  return file;
}

Status Safetensors::ParseHeader(std::string_view header,
                                std::span<const std::byte> data) {
  const auto json = ParseWithoutDuplicates(header);
  if (!json) return CorruptError(place_, "the header is not a JSON object");
  for (const auto& [name, value] : json->items()) {
    if (name == "__metadata__") {
      if (!value.is_object())
        return CorruptError(place_, "__metadata__ is not an object");
      for (const auto& [key, text] : value.items()) {
        if (!text.is_string())
          return CorruptError(place_, "__metadata__ holds more than strings");
        metadata_[key] = text.get<std::string>();
      }
      continue;
    }
    TensorEntry entry{.name = name};
    if (const auto wrong = ReadEntry(value, data, entry))
      return CorruptError(place_, fmt::format("tensor {} {}", name, *wrong));
    tensors_.push_back(std::move(entry));
  }
  if (!CoversAll(tensors_, data))
    return CorruptError(place_, "tensors overlap or leave holes");
  return Status::Ok();
}

const TensorEntry* Safetensors::Find(std::string_view name) const {
  // JSON objects keep their keys sorted, and so does this list.
  const auto it =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorEntry& entry, std::string_view key) {
                         return entry.name < key;
                       });
  return it != tensors_.end() && it->name == name ? &*it : nullptr;
}

Result<std::vector<float>> Safetensors::Floats(
    std::string_view name, const std::vector<std::int64_t>& shape) const {
  const TensorEntry* entry = Find(name);
  if (entry == nullptr)
    return InvalidError(place_, fmt::format("holds no tensor {}", name));
  if (entry->shape != shape)
    return InvalidError(place_, fmt::format("tensor {} is [{}] instead of [{}]",
                                            name, fmt::join(entry->shape, ", "),
                                            fmt::join(shape, ", ")));
  if (entry->dtype == "F32")
    return ConvertAll<float>(entry->bytes, [](float x) { return x; });
  if (entry->dtype == "F64")
    return ConvertAll<double>(entry->bytes,
                              [](double x) { return static_cast<float>(x); });
  if (entry->dtype == "F16")
    return ConvertAll<std::uint16_t>(entry->bytes, FromHalf);
  if (entry->dtype == "BF16")
    return ConvertAll<std::uint16_t>(entry->bytes, FromBfloat16);
  return InvalidError(place_, fmt::format("tensor {} is {}, not floating point",
                                          name, entry->dtype));
}

std::string PackSafetensors(
    const std::vector<FloatTensor>& tensors,
    const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const FloatTensor& tensor : tensors) {
    BESOM_CHECK(CountOf(tensor.shape) == tensor.values.size(), tensor.name);
    BESOM_CHECK(!header.contains(tensor.name), tensor.name);
    const std::size_t end = offset + tensor.values.size_bytes();
    header[tensor.name] = {{"dtype", "F32"},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  // Spaces behind the header keep the numbers aligned, as the format asks.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), kLengthBytes);
  bytes.reserve(kLengthBytes + text.size() + offset);
  bytes += text;
  for (const FloatTensor& tensor : tensors)
    bytes.append(reinterpret_cast<const char*>(tensor.values.data()),
                 tensor.values.size_bytes());
  return bytes;
}

}  // namespace besom::stages
