#include "stages/data/near_duplicates.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "pipeline/base/worker_threads.h"
#include "stages/data/registration.h"

namespace besom::stages {
namespace {

/// A picture whose plain hash is farther than this from another's is not that
/// one turned or cropped by little: the variants need not be compared (copies
/// as above: at most 24, one in a hundred beyond 18).
constexpr int kMostPlainDistance = 24;
/// Pictures whose pairs with all later ones are one piece of work.
constexpr std::size_t kPicturesPerPiece = 16;

struct Picture {
  const ThumbnailRecord* record;
  ThumbnailView thumbnail;
};

/// Ascending by content, each content once.
std::vector<Picture> DistinctPictures(
    const std::vector<ThumbnailShard>& shards) {
  std::vector<Picture> pictures;
  for (const ThumbnailShard& shard : shards)
    for (std::size_t i = 0; i < shard.records().size(); ++i) {
      const ThumbnailRecord& record = shard.records()[i];
      if (std::min(record.width, record.height) >= kLeastComparedSide)
        pictures.push_back({&record, shard.thumbnail(i)});
    }
  const auto content = [](const Picture& picture) -> const Digest& {
    return picture.record->content;
  };
  std::ranges::sort(pictures, {}, content);
  pictures.erase(std::unique(pictures.begin(), pictures.end(),
                             [&](const Picture& a, const Picture& b) {
                               return content(a) == content(b);
                             }),
                 pictures.end());
  return pictures;
}

/// Hashes of all pictures, side by side for the comparison of all with all.
struct Hashes {
  std::vector<std::uint64_t> plain;
  std::vector<std::array<std::uint64_t, kHashVariants>> variants;

  int Distance(std::size_t a, std::size_t b) const {
    int least = HashDistance(plain[a], plain[b]);
    for (std::size_t v = 0; v < kHashVariants; ++v)
      least = std::min({least, HashDistance(variants[a][v], plain[b]),
                        HashDistance(variants[b][v], plain[a])});
    return least;
  }
};

/// Calls found(b) for each b > a whose plain hash is near that of a.
template <typename Found>
inline void ForEachNear(const std::vector<std::uint64_t>& plain, std::size_t a,
                        Found found) {
  const std::uint64_t hash = plain[a];
  for (std::size_t b = a + 1; b < plain.size(); ++b)
    if (HashDistance(hash, plain[b]) <= kMostPlainDistance) found(b);
}

using Candidates = std::vector<std::pair<std::size_t, int>>;

inline Candidates ProposeBy(const Hashes& hashes, std::size_t a) {
  Candidates candidates;
  ForEachNear(hashes.plain, a, [&](std::size_t b) {
    const int distance = hashes.Distance(a, b);
    if (distance <= kMostHashDistance) candidates.emplace_back(b, distance);
  });
  return candidates;
}

#if defined(__x86_64__)
/// The same with the instruction that counts bits, which the oldest processors
/// of this kind lack; a library call takes ten times as long.
[[gnu::target("popcnt"), gnu::flatten]] Candidates ProposeByInstruction(
    const Hashes& hashes, std::size_t a) {
  return ProposeBy(hashes, a);
}
#endif

Candidates Propose(const Hashes& hashes, std::size_t a) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) return ProposeByInstruction(hashes, a);
#endif
  return ProposeBy(hashes, a);
}

class Search {
 public:
  Search(const std::vector<ThumbnailShard>& shards, int threads,
         const std::function<bool(double)>& progress)
      : threads_(threads),
        progress_(progress),
        pictures_(DistinctPictures(shards)),
        prepared_(pictures_.size()),
        found_(pictures_.size()) {
    hashes_.plain.resize(pictures_.size());
    hashes_.variants.resize(pictures_.size());
  }

  NearSearch Run() {
    ForEachPiece([this](std::size_t i) { Prepare(i); });
    ForEachPiece([this](std::size_t i) { Compare(i); });
    NearSearch result{{}, pictures_.size(), candidates_, stopped_};
    for (const std::vector<NearPair>& pairs : found_)
      result.found.pairs.insert(result.found.pairs.end(), pairs.begin(),
                                pairs.end());
    return result;
  }

 private:
  /// Both passes count as half of the work.
  void ForEachPiece(const std::function<void(std::size_t)>& work) {
    const std::size_t count = pictures_.size();
    const std::size_t pieces =
        (count + kPicturesPerPiece - 1) / kPicturesPerPiece;
    RunInThreads(threads_, pieces, [&](std::size_t piece) {
      const std::size_t begin = piece * kPicturesPerPiece;
      const std::size_t end = std::min(count, begin + kPicturesPerPiece);
      for (std::size_t i = begin; i < end && !stopped_; ++i) work(i);
      done_ += end - begin;
      if (progress_ && progress_(static_cast<double>(done_) /
                                 static_cast<double>(2 * count)))
        stopped_ = true;
    });
  }

  void Prepare(std::size_t i) {
    hashes_.plain[i] = pictures_[i].record->hash;
    hashes_.variants[i] = VariantHashes(pictures_[i].thumbnail);
    PreparedPicture prepared(pictures_[i].thumbnail);
    if (prepared.detail() >= kLeastDetail) prepared_[i] = std::move(prepared);
  }

  void Compare(std::size_t a) {
    if (!prepared_[a]) return;
    std::optional<Registration> registration;
    for (const auto& [b, distance] : Propose(hashes_, a)) {
      if (!prepared_[b]) continue;
      ++candidates_;
      if (!registration) registration.emplace(*prepared_[a]);
      const double correlation = registration->Correlate(*prepared_[b]);
      if (correlation >= kLeastCorrelation)
        found_[a].push_back({pictures_[a].record->content,
                             pictures_[b].record->content, distance,
                             correlation});
    }
  }

  const int threads_;
  const std::function<bool(double)>& progress_;
  const std::vector<Picture> pictures_;
  Hashes hashes_;
  std::vector<std::optional<PreparedPicture>> prepared_;
  std::vector<std::vector<NearPair>> found_;
  std::atomic<std::size_t> candidates_{0}, done_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace

NearSearch FindNearDuplicates(const std::vector<ThumbnailShard>& shards,
                              int threads,
                              const std::function<bool(double)>& progress) {
  return Search(shards, threads, progress).Run();
}

}  // namespace besom::stages
