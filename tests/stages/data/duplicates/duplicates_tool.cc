// For duplicates_parity.py. Reads image paths from stdin, one a line, and
// writes to stdout one JSON object: {"images": [{path, content, hash,
// thumbnail: hex} or {path, error}], "pairs": as NearPairs, "candidates",
// "seconds": of the search}.
#include <chrono>
#include <iostream>
#include <string>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "stages/data/near_duplicates.h"
#include "stages/data/resize.h"
#include "stages/data/thumbnail.h"

int main() {
  using namespace besom;
  using namespace besom::stages;
  Json images = Json::array();
  std::vector<ThumbnailRecord> records;
  std::vector<Thumbnail> thumbnails;
  for (std::string path; std::getline(std::cin, path);) {
    const auto file = ReadFile(path);
    if (!file.ok()) return 2;
    const auto image = DecodeImage(std::as_bytes(std::span(*file)),
                                   BitDepthRange::kFull, LeastSidesFor({}));
    if (!image.ok()) {
      images.push_back({{"path", path}, {"error", image.status().cause()}});
      continue;
    }
    thumbnails.push_back(MakeThumbnail(*image));
    records.push_back({DigestOf(*file), image->file_width, image->file_height,
                       PerceptualHash(thumbnails.back())});
    std::string hex;
    for (const std::uint8_t value : thumbnails.back()) {
      hex += "0123456789abcdef"[value / 16];
      hex += "0123456789abcdef"[value % 16];
    }
    images.push_back({{"path", path},
                      {"content", records.back().content.Hex()},
                      {"hash", records.back().hash},
                      {"thumbnail", hex}});
  }
  const auto shard = ThumbnailShard::Open(
      Artifact::FromBytes(ThumbnailShard::Pack(records, thumbnails)));
  if (!shard.ok()) return 2;
  const auto begin = std::chrono::steady_clock::now();
  const NearSearch search = FindNearDuplicates({*shard}, 1, nullptr);
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - begin;
  std::cout << Json{{"images", images},
                    {"pairs", search.found.ToJson().at("pairs")},
                    {"candidates", search.candidates},
                    {"seconds", seconds.count()}}
            << "\n";
}
