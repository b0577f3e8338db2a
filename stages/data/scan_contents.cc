#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "pipeline/base/worker_threads.h"
#include "stages/data/decode.h"
#include "stages/data/scan_steps.h"

namespace besom::stages {
namespace {

/// A file to be read, and what came of it.
struct Reading {
  Path file;
  FileStat stat;
  std::optional<Digest> digest;
  std::string problem;
};

void Read(Reading& reading) {
  const Result<Digest> digest = DigestOfFile(reading.file);
  if (!digest.ok()) {
    reading.problem =
        fmt::format("it cannot be read: {}", digest.status().cause());
    return;
  }
  const Result<FileStat> after = StatFile(reading.file);
  if (!after.ok() || !(*after == reading.stat))
    reading.problem = "it changed while it was read";
  else
    reading.digest = *digest;
}

void ReadAll(std::vector<Reading>& readings, int threads) {
  RunInThreads(threads, readings.size(),
               [&](std::size_t i) { Read(readings[i]); });
}

/// Why a file of that stat is not read; empty when it is.
std::string ReasonOf(const Result<FileStat>& stat) {
  if (!stat.ok())
    return fmt::format("it cannot be read: {}", stat.status().cause());
  if (stat->size == 0) return "the file is empty";
  if (stat->size > kMaxFileBytes)
    return fmt::format("{} bytes, the limit is {}", stat->size, kMaxFileBytes);
  return "";
}

}  // namespace

void FillContents(std::vector<FoundImage>& images, ContentDigests& digests,
                  int threads) {
  std::vector<Reading> readings;
  std::vector<std::pair<std::size_t, std::size_t>> waiting;  // Image, reading.
  for (std::size_t i = 0; i < images.size(); ++i) {
    ScanEntry& entry = images[i].entry;
    if (!entry.left_out.empty() || !entry.generator.is_null()) continue;
    const Result<FileStat> stat = StatFile(images[i].file);
    entry.left_out = ReasonOf(stat);
    if (!entry.left_out.empty()) continue;
    if (const auto known = digests.Find(images[i].file, *stat)) {
      entry.content = *known;
      continue;
    }
    waiting.emplace_back(i, readings.size());
    readings.push_back({images[i].file, *stat, std::nullopt, ""});
  }
  ReadAll(readings, threads);
  for (const auto& [image, reading] : waiting) {
    const Reading& result = readings[reading];
    images[image].entry.left_out = result.problem;
    if (!result.digest.has_value()) continue;
    images[image].entry.content = *result.digest;
    digests.Store(result.file, result.stat, *result.digest);
  }
}

}  // namespace besom::stages
