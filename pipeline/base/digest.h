#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/base/result.h"

namespace besom {

/// A SHA-256 digest (FIPS 180-4): the address of a blob or of an action.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
  /// 64 lower-case hexadecimal digits.
  std::string Hex() const;
  /// The first 8 bytes as a number, big endian: a seed or a hash.
  std::uint64_t Prefix64() const;
  static Result<Digest> FromHex(std::string_view hex);
};

/// Hashes a stream of bytes. One thread at a time.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void Update(std::span<const std::byte> bytes);
  void Update(std::string_view text);
  /// Returns the digest of all bytes so far. Call it once.
  Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Digest DigestOf(std::string_view text);
Digest DigestOf(std::span<const std::byte> bytes);

}  // namespace besom

template <>
struct std::hash<besom::Digest> {
  std::size_t operator()(const besom::Digest& digest) const noexcept {
    return static_cast<std::size_t>(digest.Prefix64());
  }
};
