#include "pipeline/run/trial_sets.h"

#include <algorithm>
#include <map>
#include <utility>

#include "pipeline/base/json.h"

namespace besom::run {
namespace {

/// Adds rows up, those of one image side by side.
class Builder {
 public:
  explicit Builder(std::vector<std::string> classes) {
    set_.scored.classes = static_cast<int>(classes.size());
    set_.classes = std::move(classes);
  }

  /// `row`: image, actual, probabilities, patients, group; ordered by image.
  Status Add(const std::vector<db::Cell>& row) {
    BESOM_ASSIGN_OR_RETURN(
        const Json probabilities,
        ParseJson(db::TextOf(row[2]), "probabilities of an image"));
    if (probabilities.size() != set_.classes.size())
      return CorruptError("predictions", "not one probability a class");
    std::string image = db::TextOf(row[0]);
    if (set_.images.empty() || set_.images.back() != image) {
      EndImage();
      const auto cls = std::ranges::find(set_.classes, db::TextOf(row[1])) -
                       set_.classes.begin();
      set_.scored.actual.push_back(static_cast<int>(cls));
      set_.scored.group.push_back(GroupOf(row, image));
      set_.images.push_back(std::move(image));
      sum_.assign(set_.classes.size(), 0);
    }
    for (std::size_t c = 0; c < sum_.size(); ++c)
      sum_[c] += probabilities[c].get<double>();
    ++fits_;
    return Status::Ok();
  }

  TrialSet Take() {
    EndImage();
    return std::move(set_);
  }

 private:
  /// An image without a group is one of its own.
  int GroupOf(const std::vector<db::Cell>& row, const std::string& image) {
    const std::pair<std::string, std::string> key =
        db::IsNull(row[4]) ? std::pair{std::string(), image}
                           : std::pair{db::TextOf(row[3]), db::TextOf(row[4])};
    return groups_.try_emplace(key, static_cast<int>(groups_.size()))
        .first->second;
  }

  void EndImage() {
    if (set_.images.empty()) return;
    for (const double sum : sum_)
      set_.scored.probabilities.push_back(sum / fits_);
    fits_ = 0;
  }

  TrialSet set_;
  std::map<std::pair<std::string, std::string>, int> groups_;
  std::vector<double> sum_;
  int fits_ = 0;
};

}  // namespace

Result<std::vector<std::string>> ClassesOfTrial(db::Reader& reader,
                                                const db::TrialName& trial) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT classes FROM fits WHERE sweep = ? AND trial = ? "
                   "LIMIT 1",
                   {trial.sweep, trial.trial}));
  if (rows.rows.empty()) return std::vector<std::string>();
  BESOM_ASSIGN_OR_RETURN(
      const Json classes,
      ParseJson(db::TextOf(rows.rows[0][0]), "classes of a fit"));
  return classes.get<std::vector<std::string>>();
}

Result<TrialSet> LoadTrialSet(db::Reader& reader, const db::TrialName& trial,
                              const std::string& split) {
  BESOM_ASSIGN_OR_RETURN(std::vector<std::string> classes,
                         ClassesOfTrial(reader, trial));
  Builder builder(std::move(classes));
  BESOM_RETURN_IF_ERROR(reader.Stream(
      "SELECT image, actual, probabilities, patients, \"group\" FROM "
      "predictions WHERE sweep = ? AND trial = ? AND split = ? "
      "ORDER BY source, path, repeat, fold",
      {trial.sweep, trial.trial, split},
      [](const std::vector<std::string>&) { return Status::Ok(); },
      [&](const std::vector<db::Cell>& row) { return builder.Add(row); }));
  return builder.Take();
}

}  // namespace besom::run
