#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "db/results_store.h"
#include "pipeline/run/planner.h"
#include "pipeline/run/run_options.h"
#include "pipeline/run/sweep_numerics.h"
#include "stages/data/scan.h"
#include "stages/model/weights_store.h"
#include "sweeps/plan.h"

namespace besom::run {

/// A sweep read, expanded and planned; nothing is written.
struct PreparedSweep {
  sweeps::SweepSpec spec;
  sweeps::TrialPlan trials;
  SweepGraph graph;
  SweepNumerics numerics;
  /// Those that trials start from, each once, in the order of the trials.
  std::vector<stages::WeightsInfo> weights;
};

/// Reads and expands the spec: everything that can be wrong with it alone.
Result<PreparedSweep> ReadSweep(const RunOptions& options);

/// Resolves the numerics of every trial: as `stored` says (the sweep's text in
/// the database, empty for a new one), else by what is `offered`, as
/// SweepNumerics::Resolve does.
Status ResolveNumerics(PreparedSweep& sweep, std::string_view stored,
                       const std::vector<std::string>& offered);

/// Meets the data (through `digests`), resolves weights and builds the graph.
/// `threads` read files. REQUIRES: the numerics are resolved.
Status PlanGraph(PreparedSweep& sweep, stages::ContentDigests& digests,
                 int threads);

/// Digests of files remembered in the database. Borrows `results`, which may
/// be null: there is no database yet.
class StoredContentDigests final : public stages::ContentDigests {
 public:
  explicit StoredContentDigests(db::ResultsStore* results)
      : results_(results) {}
  std::optional<Digest> Find(const Path& path, const FileStat& stat) override;
  void Store(const Path& path, const FileStat& stat,
             const Digest& digest) override;
  /// Writes what was learned.
  Status WriteTo(db::ResultsStore& results);

 private:
  db::ResultsStore* const results_;
  std::vector<db::FileDigestRow> learned_;
};

/// The sweep as the database stores it; `now` in seconds since 1970.
Result<db::SweepRow> SweepRowOf(const PreparedSweep& sweep, double now);
std::vector<db::TrialRow> TrialRowsOf(const PreparedSweep& sweep);

}  // namespace besom::run
