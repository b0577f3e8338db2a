#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "db/batch_writer.h"
#include "pipeline/base/json.h"

namespace besom::db {
namespace {

/// Whether an image is a group of its own, and the names of the group or else
/// of the image.
using GroupKey = std::tuple<bool, std::string, std::string>;

/// Index of `cls` in `classes`, a JSON list.
Result<std::size_t> IndexOf(const std::string& cls,
                            const std::string& classes) {
  BESOM_ASSIGN_OR_RETURN(const Json list, ParseJson(classes, "fit.classes"));
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i] == cls) return i;
  return CorruptError("fit.classes", "lacks the class of the threshold");
}

}  // namespace

Result<PooledPredictions> BatchWriter::ReadPool(std::int64_t trial,
                                                std::string cls,
                                                std::string target) {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection_.Kept(
          "SELECT p.repeat, i.source, i.path, i.patients, i.group_name, "
          "p.actual, p.probabilities, f.classes FROM prediction p JOIN fit f "
          "USING(trial_id, repeat, fold) JOIN image i USING(image_id) WHERE "
          "p.trial_id = ? AND p.split = 'validation' "
          "ORDER BY p.repeat, i.source, i.path, p.fold"));
  BESOM_RETURN_IF_ERROR(rows->Bind(trial));
  PooledPredictions pool{std::move(cls), std::move(target), {}};
  std::map<GroupKey, int> groups;
  std::optional<std::size_t> index;
  std::tuple<std::int64_t, std::string, std::string> last;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return pool;
    std::tuple image(rows->Integer(0), rows->Text(1), rows->Text(2));
    if (!pool.images.empty() && image == last) continue;
    last = std::move(image);
    if (!index) {
      BESOM_ASSIGN_OR_RETURN(index, IndexOf(pool.cls, rows->Text(7)));
    }
    BESOM_ASSIGN_OR_RETURN(
        const Json probabilities,
        ParseJson(rows->Text(6), "prediction.probabilities"));
    const bool own = rows->IsNull(4);
    const auto group = groups.try_emplace(
        GroupKey(own, rows->Text(own ? 1 : 3), rows->Text(own ? 2 : 4)),
        static_cast<int>(groups.size()));
    pool.images.push_back({rows->Text(5) == pool.cls,
                           probabilities.at(*index).get<double>(),
                           group.first->second});
  }
}

Status BatchWriter::PutPooledThreshold(std::int64_t trial) {
  if (!summarizer_.threshold) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement of_fits,
      connection_.Kept("SELECT h.class, h.target, t.config FROM threshold h "
                       "JOIN trial t USING(trial_id) WHERE trial_id = ? AND "
                       "repeat <> ? ORDER BY repeat, fold LIMIT 1"));
  BESOM_RETURN_IF_ERROR(of_fits->Bind(trial, kAllFits));
  BESOM_ASSIGN_OR_RETURN(const bool found, of_fits->Step());
  if (!found) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      const Json config,
      ParseJson(of_fits->Text(2), "configuration of a trial"));
  BESOM_ASSIGN_OR_RETURN(const PooledPredictions pool,
                         ReadPool(trial, of_fits->Text(0), of_fits->Text(1)));
  const ThresholdRow row = summarizer_.threshold(pool, config);
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement put,
      connection_.Kept("INSERT OR REPLACE INTO threshold(trial_id, repeat, "
                       "fold, class, target, value, positive_groups, reliable) "
                       "VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  return put->Run(trial, kAllFits, kAllFits, row.cls, row.target, row.value,
                  row.positive_groups, row.reliable);
}

Result<BatchWriter::ImageGroups> BatchWriter::ReadGroups() {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection_.Kept("SELECT image_id, patients, group_name FROM image "
                       "WHERE sweep_id = ?"));
  BESOM_RETURN_IF_ERROR(rows->Bind(sweep_));
  ImageGroups groups;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return groups;
    groups[rows->Integer(0)] = {rows->Text(1), rows->Text(2)};
  }
}

Result<std::vector<std::int64_t>> BatchWriter::PooledTrials() {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection_.Kept("SELECT trial_id FROM threshold JOIN trial "
                       "USING(trial_id) WHERE sweep_id = ? AND repeat = ?"));
  BESOM_RETURN_IF_ERROR(rows->Bind(sweep_, kAllFits));
  std::vector<std::int64_t> trials;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return trials;
    trials.push_back(rows->Integer(0));
  }
}

Status BatchWriter::PoolAgain(const std::vector<std::int64_t>& trials,
                              const ImageGroups& before) {
  BESOM_ASSIGN_OR_RETURN(const ImageGroups now, ReadGroups());
  const auto differs = [&](const auto& image) {
    return now.at(image.first) != image.second;
  };
  if (std::none_of(before.begin(), before.end(), differs)) return Status::Ok();
  for (const std::int64_t trial : trials)
    BESOM_RETURN_IF_ERROR(PutPooledThreshold(trial));
  return Status::Ok();
}

}  // namespace besom::db
