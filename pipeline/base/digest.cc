#include "pipeline/base/digest.h"

#include <openssl/evp.h>

namespace besom {

std::string Digest::Hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(64);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::uint64_t Digest::Prefix64() const {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

Result<Digest> Digest::FromHex(std::string_view hex) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  if (hex.size() != 64)
    return CorruptError("", "a digest has 64 hexadecimal digits");
  Digest digest;
  for (std::size_t i = 0; i < 32; ++i) {
    const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0)
      return CorruptError("", "a digest holds hexadecimal digits only");
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

struct Hasher::Context {
  EVP_MD_CTX* state = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(state); }
};

Hasher::Hasher() : context_(std::make_unique<Context>()) {
  BESOM_CHECK(context_->state != nullptr &&
                  EVP_DigestInit_ex(context_->state, EVP_sha256(), nullptr),
              "SHA-256 is part of every libcrypto");
}
Hasher::~Hasher() = default;

void Hasher::Update(std::span<const std::byte> bytes) {
  BESOM_CHECK(
      EVP_DigestUpdate(context_->state, bytes.data(), bytes.size()) == 1,
      "hashing memory does not fail");
}
void Hasher::Update(std::string_view text) {
  Update(std::as_bytes(std::span(text)));
}
Digest Hasher::Finish() {
  Digest digest;
  BESOM_CHECK(
      EVP_DigestFinal_ex(context_->state, digest.bytes.data(), nullptr) == 1,
      "finishing a hash does not fail");
  return digest;
}

Digest DigestOf(std::string_view text) {
  return DigestOf(std::as_bytes(std::span(text)));
}
Digest DigestOf(std::span<const std::byte> bytes) {
  Hasher hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

}  // namespace besom
