#include "pipeline/run/leader_comparisons.h"

#include <vector>

#include "db/reader.h"
#include "db/results_store.h"
#include "pipeline/run/result_rows.h"
#include "pipeline/run/trial_comparison.h"

namespace besom::run {

Status RecordComparisons(const Path& database, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(auto reader, db::Reader::Open(database));
  BESOM_ASSIGN_OR_RETURN(const std::vector<TrialComparison> lines,
                         CompareLeader(*reader, sweep));
  reader.reset();  // Without a write-ahead log it would keep the writer out.
  BESOM_ASSIGN_OR_RETURN(const auto results, db::ResultsStore::Open(database));
  BESOM_ASSIGN_OR_RETURN(const auto stored, results->FindSweep(sweep));
  if (!stored) return InvalidError(sweep, "there is no such sweep");
  return results->PutComparisons(stored->id, ComparisonRowsOf(lines));
}

Result<bool> LacksComparisons(const Path& database, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const auto reader, db::Reader::Open(database));
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rivals,
      reader->Query(
          "SELECT count(*) FROM leaderboard rival JOIN leaderboard first ON "
          "first.sweep = rival.sweep AND first.rank = 1 WHERE rival.sweep = ? "
          "AND rival.rank BETWEEN 2 AND ? AND NOT EXISTS (SELECT 1 FROM "
          "comparisons c WHERE c.sweep = rival.sweep AND c.a = first.trial AND "
          "c.b = rival.trial AND c.metric = first.metric AND c.split = "
          "first.split)",
          {sweep, std::int64_t{kRivals + 1}}));
  return db::IntegerOf(rivals.rows.at(0)[0]) > 0;
}

}  // namespace besom::run
