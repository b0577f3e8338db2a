#include "tests/stages/data/ingest/mutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>

#include "pipeline/base/random.h"
#include "stages/data/decode.h"

namespace besom::testing {

void DecodeMutated(const std::string& file, std::uint64_t number) {
  KeyedRandom random(20200330, "mutation", {number});
  std::string bytes = file;
  const std::uint64_t changes = 1 + random.Below(8);
  for (std::uint64_t i = 0; i < changes; ++i) {
    // Headers are the interesting part: half of the changes go there.
    const std::size_t end = random.Below(2) == 0
                                ? std::min<std::size_t>(bytes.size(), 200)
                                : bytes.size();
    bytes[random.Below(end)] = static_cast<char>(random.Next32());
  }
  if (random.Below(8) == 0) bytes.resize(random.Below(bytes.size()));
  const auto image = stages::DecodeImage(std::as_bytes(std::span(bytes)),
                                         stages::BitDepthRange::kFull);
  if (!image.ok()) {
    EXPECT_FALSE(image.status().cause().empty());
    return;
  }
  EXPECT_EQ(image->pixels.size(),
            static_cast<std::size_t>(image->width) *
                static_cast<std::size_t>(image->height) *
                static_cast<std::size_t>(image->channels));
}

}  // namespace besom::testing
