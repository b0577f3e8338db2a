#include "db/trial_model.h"

#include "db/reader.h"

namespace besom::db {

Status NoModelError(const std::string& trial) {
  return {StatusCode::kNotFound, "trial " + trial,
          "its trained weights are not in the store any more",
          "`besom run SPEC --rerun " + trial +
              "` trains it again (`besom gc --keep` says which stay)"};
}

Result<TrialModel> FindTrialModel(const Path& database,
                                  const std::string& sweep,
                                  const std::string& trial) {
  BESOM_ASSIGN_OR_RETURN(const auto reader, Reader::Open(database));
  BESOM_ASSIGN_OR_RETURN(const TrialName name, reader->FindTrial(trial, sweep));
  BESOM_ASSIGN_OR_RETURN(
      const Table rows,
      reader->Query("SELECT t.config, f.head_digest, f.head_size, s.numerics "
                    "FROM trial t "
                    "JOIN sweep s USING(sweep_id) JOIN fit f USING(trial_id) "
                    "WHERE s.name = ? AND t.trial = ? "
                    "ORDER BY f.repeat, f.fold",
                    {name.sweep, name.trial}));
  if (rows.rows.empty())
    return InvalidError("trial " + name.trial, "has no trained weights yet",
                        "run the sweep to its end first");
  TrialModel model;
  model.sweep = name.sweep;
  model.trial = name.trial;
  BESOM_ASSIGN_OR_RETURN(model.config,
                         ParseJson(TextOf(rows.rows[0][0]), "trial.config"));
  model.numerics = TextOf(rows.rows[0][3]);
  for (const auto& row : rows.rows) {
    if (TextOf(row[1]).empty()) return NoModelError(name.trial);
    model.heads.push_back({"weights", TextOf(row[1]),
                           static_cast<std::uint64_t>(IntegerOf(row[2]))});
  }
  return model;
}

}  // namespace besom::db
