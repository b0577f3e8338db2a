#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/feature_work.h"

namespace besom::stages {

/// The rows of a task, each with its place in the shard.
struct RowTable {
  std::size_t width = 0;
  std::vector<float> numbers;
  std::vector<std::size_t> missing;  ///< Those not taken from prior shards.

  std::span<float> row(std::size_t index) {
    return std::span(numbers).subspan(index * width, width);
  }
};

/// Takes what `prior` shards hold of `rows`; lists the rest. kCorrupt when a
/// prior row does not hold `dimension` numbers.
Result<RowTable> TakePrior(const std::vector<RowWork>& rows, int dimension,
                           const std::vector<Artifact>& prior);

/// Seconds of all lanes.
struct LaneTimes {
  double lanes = 0;  ///< From begin to end of the task, each.
  double input = 0, engine = 0;
};

/// Computes rows in lanes: each takes the next batch, renders it and passes it
/// through an engine of its own. Two passes of one thread each are faster than
/// one of two threads, and rendering never holds up an engine. Borrows all.
class FeatureLanes {
 public:
  FeatureLanes(const FeaturesRequest& request, const PixelSource& pixels,
               const std::vector<RowWork>& rows, const Engines& engines);

  /// Computes the rows that all of `tables` miss, which are the same ones.
  /// tables: one for each tap of the engines, in their order. `progress` as in
  /// StageInput. Adds to `times`. Errors are the engine's, and kInterrupted.
  Status Run(std::span<RowTable* const> tables,
             const std::function<bool(double)>& progress, LaneTimes& times);

 private:
  void RunLane(FeatureEngine& engine);
  void Keep(std::size_t first, std::size_t count, std::span<const float> rows);
  bool Report(std::size_t count);
  void End(const Status& status);

  const FeaturesRequest& request_;
  const PixelSource& pixels_;
  const std::vector<RowWork>& rows_;
  const InputFiller filler_;
  const Engines& engines_;
  const std::size_t batch_;
  std::span<RowTable* const> tables_;
  const std::function<bool(double)>* progress_ = nullptr;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> ended_{false};
  std::mutex mutex_;  // Guards the rest while lanes run.
  std::size_t done_ = 0;
  LaneTimes times_;
  Status status_;
};

}  // namespace besom::stages
