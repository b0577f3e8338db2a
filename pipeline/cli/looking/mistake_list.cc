#include "pipeline/cli/looking/mistake_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "pipeline/base/json.h"
#include "pipeline/run/trial_sets.h"

namespace besom::cli {
namespace {

using db::TextOf;

Status NoPredictions(db::Reader& reader, const db::TrialName& name,
                     const std::string& split) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT DISTINCT split FROM predictions WHERE sweep = ? AND "
                   "trial = ? ORDER BY split",
                   {name.sweep, name.trial}));
  if (rows.rows.empty())
    return InvalidError("trial " + name.trial, "no predictions of it are kept",
                        "run the sweep with evaluate.predictions: held_out, "
                        "or look at the trial that `best` names");
  std::vector<std::string> splits;
  for (const auto& row : rows.rows) splits.push_back(TextOf(row[0]));
  return InvalidError(
      "--split", fmt::format("no predictions of '{}'; there are: {}", split,
                             fmt::join(splits, ", ")));
}

}  // namespace

Result<MistakeList> LoadMistakes(db::Reader& reader, const db::TrialName& name,
                                 const std::string& split) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> classes,
                         run::ClassesOfTrial(reader, name));
  if (classes.empty())
    return InvalidError("trial " + name.trial, "is not evaluated yet",
                        "run the sweep to its end first");
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query(
          "SELECT p.image, i.content, p.repeat, p.fold, p.actual, p.predicted, "
          "p.probabilities FROM predictions p JOIN images i ON i.sweep = "
          "p.sweep AND i.source = p.source AND i.path = p.path AND i.repeat = "
          "p.repeat AND i.fold = p.fold WHERE p.sweep = ? AND p.trial = ? AND "
          "p.split = ?",
          {name.sweep, name.trial, split}));
  if (rows.rows.empty()) return NoPredictions(reader, name, split);
  MistakeList list{.split = split, .images = rows.rows.size()};
  const auto index = [&](const std::string& word) {
    return static_cast<std::size_t>(std::ranges::find(classes, word) -
                                    classes.begin());
  };
  for (const auto& row : rows.rows) {
    Mistake mistake{.image = TextOf(row[0]),
                    .content = TextOf(row[1]),
                    .repeat = static_cast<int>(db::IntegerOf(row[2])),
                    .fold = static_cast<int>(db::IntegerOf(row[3])),
                    .actual = TextOf(row[4]),
                    .predicted = TextOf(row[5])};
    list.several_fits |= mistake.repeat > 0 || mistake.fold > 0;
    if (mistake.actual == mistake.predicted) continue;
    BESOM_ASSIGN_OR_RETURN(const Json probabilities,
                           ParseJson(TextOf(row[6]), "probabilities"));
    mistake.predicted_probability = probabilities.at(index(mistake.predicted));
    mistake.actual_probability = probabilities.at(index(mistake.actual));
    list.mistakes.push_back(std::move(mistake));
  }
  std::ranges::sort(list.mistakes, {}, [](const Mistake& mistake) {
    return std::tuple(-mistake.predicted_probability, mistake.image,
                      mistake.repeat, mistake.fold);
  });
  return list;
}

}  // namespace besom::cli
