#include "stages/model/weights/published_file.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <vector>

#include "pipeline/base/check.h"
#include "pipeline/base/digest.h"

namespace besom::stages {
namespace {

constexpr std::size_t kPiece = 1 << 20;

std::string HexOf(std::span<const unsigned char> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

bool FileDigests::Match(const PublishedDigest& published) const {
  switch (published.kind) {
    case PublishedDigest::Kind::kSha256:
      return sha256 == published.hex;
    case PublishedDigest::Kind::kSha256Prefix:
      return sha256.starts_with(published.hex);
    case PublishedDigest::Kind::kMd5:
      return md5 == published.hex;
  }
  return false;
}

Result<FileDigests> DigestsOf(const Path& path) {
  BESOM_RETURN_IF_ERROR(StatFile(path).status());  // No device has an end.
  std::ifstream file(path, std::ios::binary);
  if (!file) return ErrnoError(path.string(), "open");
  Hasher sha256;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> md5(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  // A system may forbid MD5; such a file then matches no published MD5.
  const bool has_md5 = EVP_DigestInit_ex(md5.get(), EVP_md5(), nullptr) == 1;
  std::vector<char> piece(kPiece);
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto count = static_cast<std::size_t>(file.gcount());
    sha256.Update(std::as_bytes(std::span(piece).first(count)));
    if (has_md5) EVP_DigestUpdate(md5.get(), piece.data(), count);
  }
  if (file.bad()) return IoError(path.string(), "cannot read it to its end");
  FileDigests digests{.sha256 = sha256.Finish().Hex()};
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (has_md5 && EVP_DigestFinal_ex(md5.get(), bytes.data(), &size) == 1)
    digests.md5 = HexOf(std::span(bytes).first(size));
  return digests;
}

const PretrainedWeights* EntryOf(const FileDigests& digests,
                                 const WeightsRegistry& registry) {
  for (const PretrainedWeights& entry : registry.entries())
    if (digests.Match(entry.digest)) return &entry;
  return nullptr;
}

}  // namespace besom::stages
