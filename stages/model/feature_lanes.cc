#include "stages/model/feature_lanes.h"

#include <algorithm>
#include <thread>

#include "pipeline/base/clock.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "features";

}  // namespace

Result<RowTable> TakePrior(const std::vector<RowWork>& rows, int dimension,
                           const std::vector<Artifact>& prior) {
  BESOM_ASSIGN_OR_RETURN(const FeatureIndex index, FeatureIndex::Over(prior));
  RowTable table{.width = static_cast<std::size_t>(dimension)};
  table.numbers.resize(rows.size() * table.width);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const float> known = index.Find(rows[i].key);
    if (known.empty()) {
      table.missing.push_back(i);
      continue;
    }
    if (known.size() != table.width)
      return CorruptError(kPlace, "prior rows are of another dimension");
    std::copy(known.begin(), known.end(), table.row(i).begin());
  }
  return table;
}

FeatureLanes::FeatureLanes(const FeaturesRequest& request,
                           const PixelSource& pixels,
                           const std::vector<RowWork>& rows,
                           const Engines& engines)
    : request_(request),
      pixels_(pixels),
      rows_(rows),
      filler_(request.preprocessing),
      engines_(engines),
      batch_(static_cast<std::size_t>(engines.front()->batch())) {}

Status FeatureLanes::Run(std::span<RowTable* const> tables,
                         const std::function<bool(double)>& progress,
                         LaneTimes& times) {
  tables_ = tables;
  progress_ = &progress;
  std::vector<std::jthread> others;
  for (std::size_t lane = 1; lane < engines_.size(); ++lane)
    others.emplace_back([this, lane] { RunLane(*engines_[lane]); });
  RunLane(*engines_[0]);
  others.clear();  // Joins.
  times.input += times_.input;
  times.engine += times_.engine;
  return status_;
}

void FeatureLanes::RunLane(FeatureEngine& engine) {
  const std::vector<std::size_t>& missing = tables_.front()->missing;
  const auto width = static_cast<std::size_t>(engine.dimension());
  std::vector<float> input(batch_ * engine.image_numbers());
  std::vector<float> computed(batch_ * width);
  std::vector<const RowWork*> batch;
  const SystemClock clock;
  LaneTimes mine;
  while (!ended_) {
    const std::size_t first = next_.fetch_add(batch_);
    if (first >= missing.size()) break;
    const std::size_t count = std::min(batch_, missing.size() - first);
    const double start = clock.Monotonic();
    batch.clear();
    for (std::size_t i = first; i < first + count; ++i)
      batch.push_back(&rows_[missing[i]]);
    FillBatch(request_, pixels_, filler_, batch, input);
    const double filled = clock.Monotonic();
    const std::span<float> rows = std::span(computed).first(count * width);
    if (const Status status =
            engine.Extract(static_cast<int>(count), input, rows);
        !status.ok())
      return End(status);
    mine.input += filled - start;
    mine.engine += clock.Monotonic() - filled;
    Keep(first, count, rows);
    if (Report(count))
      return End(Status(StatusCode::kInterrupted, kPlace, "asked to stop"));
  }
  const std::lock_guard lock(mutex_);
  times_.input += mine.input;
  times_.engine += mine.engine;
}

/// Gives each tap of the engine's rows to its table.
void FeatureLanes::Keep(std::size_t first, std::size_t count,
                        std::span<const float> rows) {
  const std::size_t width = rows.size() / count;
  std::size_t offset = 0;
  for (RowTable* table : tables_) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto part = rows.subspan(i * width + offset, table->width);
      std::copy(part.begin(), part.end(),
                table->row(table->missing[first + i]).begin());
    }
    offset += table->width;
  }
}

/// Whether to stop, after `count` more rows.
bool FeatureLanes::Report(std::size_t count) {
  const std::lock_guard lock(mutex_);
  done_ += count;
  return (*progress_)(static_cast<double>(done_) /
                      static_cast<double>(tables_.front()->missing.size()));
}

/// All lanes end; the first reason counts.
void FeatureLanes::End(const Status& status) {
  const std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = status;
  ended_ = true;
}

}  // namespace besom::stages
