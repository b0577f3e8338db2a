#include "pipeline/base/digest.h"

#include <gtest/gtest.h>

namespace besom {
namespace {

// FIPS 180-4 examples.
TEST(DigestTest, MatchesTheStandardsExamples) {
  EXPECT_EQ(DigestOf(std::string_view("abc")).Hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(DigestOf(std::string_view("")).Hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(DigestTest, PiecesHashLikeTheWhole) {
  Hasher hasher;
  hasher.Update("ab");
  hasher.Update("c");
  EXPECT_EQ(hasher.Finish(), DigestOf(std::string_view("abc")));
}

TEST(DigestTest, HexReadsBackAndBadHexIsRefused) {
  const Digest digest = DigestOf(std::string_view("x"));
  EXPECT_EQ(*Digest::FromHex(digest.Hex()), digest);
  EXPECT_FALSE(Digest::FromHex("12").ok());
  EXPECT_FALSE(Digest::FromHex(std::string(64, 'g')).ok());
}

}  // namespace
}  // namespace besom
