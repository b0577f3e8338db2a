#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/device_map.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/run/rank_traits.h"

namespace besom::cli {

/// What a rank tells the others of itself when it starts.
struct RankCard {
  std::vector<cluster::Gpu> gpus;  ///< CUDA's, in its numbering.
  std::vector<int> cpus;           ///< Cores that it may use.
  double quota = 0;             ///< Cores of its control group; 0 = no limit.
  std::int64_t host_bytes = 0;  ///< Memory of its host.
  std::vector<std::string> numerics;  ///< Tags that its CPU offers.

  /// This process.
  static RankCard OfThisProcess(std::vector<cluster::Gpu> gpus,
                                std::int64_t host_bytes);
  std::string ToText() const;
  /// kCorrupt for what ToText did not write.
  static Result<RankCard> FromText(const std::string& text);
};

/// Where one rank computes.
struct RankPlace {
  std::string gpu;  ///< "cuda:0"; empty = none.
  bool shares_gpu = false;
  int threads = 1;
};

struct JobPlaces {
  std::vector<run::RankTraits> traits;  ///< By rank.
  std::vector<RankPlace> places;        ///< By rank.
};

/// Gives the ranks of a job their GPUs (one each where there are enough) and
/// threads; the same on every rank. `hosts`: by rank, as in RankTraits.
/// REQUIRES: one card and one host a rank.
JobPlaces PlaceRanks(const std::vector<RankCard>& cards,
                     const std::vector<int>& hosts);

/// The GPUs that a process started from here would see, told without CUDA.
/// kInvalid for a CUDA_VISIBLE_DEVICES that is wrong.
Result<std::vector<cluster::Gpu>> GpusHere();

/// The numerics tags that this machine offers, the preferred first, told
/// without CUDA; the same errors.
Result<std::vector<std::string>> NumericsHere();

}  // namespace besom::cli
