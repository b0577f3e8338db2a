#include <fmt/format.h>

#include "db/connection.h"
#include "db/results_store.h"
#include "db/transaction.h"

namespace besom::db {
namespace {

/// metric, then `then`, then the validation loss: the whole ranking but for
/// the trial id, which the view adds.
Status PutCriteria(Connection& connection, SweepId id, const SweepRow& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      Statement clear,
      connection.Prepare("DELETE FROM criterion WHERE sweep_id = ?"));
  BESOM_RETURN_IF_ERROR(clear.Run(id));
  BESOM_ASSIGN_OR_RETURN(
      Statement insert,
      connection.Prepare("INSERT INTO criterion(sweep_id, position, label, "
                         "name, class, split, maximize) "
                         "VALUES(?, ?, ?, ?, ?, ?, ?)"));
  int position = 0;
  const auto put = [&](const Criterion& criterion, const std::string& split) {
    return insert.Run(id, position++, criterion.label, criterion.name,
                      criterion.cls, split, criterion.maximize);
  };
  BESOM_RETURN_IF_ERROR(put(sweep.metric, sweep.split));
  for (const Criterion& criterion : sweep.then) {
    BESOM_RETURN_IF_ERROR(put(criterion, sweep.split));
  }
  return put({"loss", "loss", "", /*maximize=*/false}, "validation");
}

Status PutBounds(Connection& connection, SweepId id, const SweepRow& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      Statement clear,
      connection.Prepare("DELETE FROM bound WHERE sweep_id = ?"));
  BESOM_RETURN_IF_ERROR(clear.Run(id));
  BESOM_ASSIGN_OR_RETURN(
      Statement insert,
      connection.Prepare("INSERT INTO bound(sweep_id, position, label, name, "
                         "class, split, at_least, bound) "
                         "VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  for (std::size_t i = 0; i < sweep.bounds.size(); ++i) {
    const Bound& bound = sweep.bounds[i];
    BESOM_RETURN_IF_ERROR(insert.Run(id, static_cast<std::int64_t>(i),
                                     bound.label, bound.name, bound.cls,
                                     sweep.split, bound.at_least, bound.bound));
  }
  return Status::Ok();
}

Status PutWeights(Connection& connection, SweepId id,
                  const std::vector<WeightsRow>& weights) {
  BESOM_ASSIGN_OR_RETURN(
      Statement put,
      connection.Prepare("INSERT OR REPLACE INTO sweep_weights(sweep_id, "
                         "backbone, weights, digest, entry, source, license, "
                         "preprocessing) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  for (const WeightsRow& row : weights) {
    BESOM_RETURN_IF_ERROR(put.Run(
        id, row.backbone, row.weights, row.digest, NullIfEmpty(row.entry),
        NullIfEmpty(row.source), NullIfEmpty(row.license), row.preprocessing));
  }
  return Status::Ok();
}

Result<std::vector<Bound>> BoundsOf(Connection& connection, SweepId id) {
  BESOM_ASSIGN_OR_RETURN(
      Statement rows,
      connection.Prepare("SELECT label, name, class, at_least, bound "
                         "FROM bound WHERE sweep_id = ? ORDER BY position"));
  BESOM_RETURN_IF_ERROR(rows.Bind(id));
  std::vector<Bound> bounds;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return bounds;
    bounds.push_back({rows.Text(0), rows.Text(1), rows.Text(2),
                      rows.Integer(3) != 0, rows.Real(4)});
  }
}

Result<std::vector<WeightsRow>> WeightsOf(Connection& connection, SweepId id) {
  BESOM_ASSIGN_OR_RETURN(
      Statement rows,
      connection.Prepare("SELECT backbone, weights, entry, digest, source, "
                         "license, preprocessing FROM sweep_weights "
                         "WHERE sweep_id = ? "
                         "ORDER BY backbone, weights, digest"));
  BESOM_RETURN_IF_ERROR(rows.Bind(id));
  std::vector<WeightsRow> weights;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return weights;
    weights.push_back({rows.Text(0), rows.Text(1), rows.Text(2), rows.Text(3),
                       rows.Text(4), rows.Text(5), rows.Text(6)});
  }
}

}  // namespace

Result<SweepId> ResultsStore::PutSweep(const SweepRow& sweep) {
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  SweepId id = 0;
  {
    BESOM_ASSIGN_OR_RETURN(
        Statement put,
        connection_->Prepare(
            "INSERT INTO sweep(name, spec_yaml, spec_json, seed, numerics, "
            "allow_test, version, created, updated) "
            "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) "
            "ON CONFLICT(name) DO UPDATE SET spec_yaml=excluded.spec_yaml, "
            "spec_json=excluded.spec_json, seed=excluded.seed, "
            "numerics=excluded.numerics, allow_test=excluded.allow_test, "
            "version=excluded.version, updated=excluded.updated "
            "RETURNING sweep_id"));
    BESOM_RETURN_IF_ERROR(put.Bind(sweep.name, sweep.spec_yaml, sweep.spec_json,
                                   static_cast<std::int64_t>(sweep.seed),
                                   sweep.numerics, sweep.allow_test,
                                   sweep.version, sweep.time));
    BESOM_ASSIGN_OR_RETURN(const bool returned, put.Step());
    BESOM_CHECK(returned, sweep.name);
    id = put.Integer(0);
  }
  BESOM_RETURN_IF_ERROR(PutCriteria(*connection_, id, sweep));
  BESOM_RETURN_IF_ERROR(PutBounds(*connection_, id, sweep));
  BESOM_RETURN_IF_ERROR(PutWeights(*connection_, id, sweep.weights));
  BESOM_RETURN_IF_ERROR(transaction.Commit());
  return id;
}

Result<std::optional<StoredSweep>> ResultsStore::FindSweep(
    std::string_view name) {
  BESOM_ASSIGN_OR_RETURN(
      Statement find,
      connection_->Prepare("SELECT sweep_id, name, spec_yaml, spec_json, seed, "
                           "numerics, allow_test, version, created, updated "
                           "FROM sweep WHERE name = ?"));
  BESOM_RETURN_IF_ERROR(find.Bind(name));
  BESOM_ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found) return std::optional<StoredSweep>();
  StoredSweep sweep;
  sweep.id = find.Integer(0);
  sweep.row.name = find.Text(1);
  sweep.row.spec_yaml = find.Text(2);
  sweep.row.spec_json = find.Text(3);
  sweep.row.seed = static_cast<std::uint64_t>(find.Integer(4));
  sweep.row.numerics = find.Text(5);
  sweep.row.allow_test = find.Integer(6) != 0;
  sweep.row.version = find.Text(7);
  sweep.created = find.Real(8);
  sweep.row.time = find.Real(9);
  BESOM_ASSIGN_OR_RETURN(sweep.row.weights, WeightsOf(*connection_, sweep.id));

  BESOM_ASSIGN_OR_RETURN(
      Statement criteria,
      connection_->Prepare("SELECT label, name, class, maximize, split "
                           "FROM criterion WHERE sweep_id = ? "
                           "ORDER BY position"));
  BESOM_RETURN_IF_ERROR(criteria.Bind(sweep.id));
  std::vector<Criterion> all;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, criteria.Step());
    if (!more) break;
    all.push_back({criteria.Text(0), criteria.Text(1), criteria.Text(2),
                   criteria.Integer(3) != 0});
    if (all.size() == 1) sweep.row.split = criteria.Text(4);
  }
  BESOM_CHECK(all.size() >= 2, "metric and validation loss are always there");
  sweep.row.metric = all.front();
  sweep.row.then.assign(all.begin() + 1, all.end() - 1);
  BESOM_ASSIGN_OR_RETURN(sweep.row.bounds, BoundsOf(*connection_, sweep.id));
  return std::optional(std::move(sweep));
}

Status ResultsStore::RegisterTrials(SweepId sweep,
                                    const std::vector<TrialRow>& trials) {
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  BESOM_ASSIGN_OR_RETURN(
      Statement unplan,
      connection_->Prepare("UPDATE trial SET planned = 0 WHERE sweep_id = ?"));
  BESOM_RETURN_IF_ERROR(unplan.Run(sweep));
  BESOM_ASSIGN_OR_RETURN(
      Statement put,
      connection_->Prepare(
          "INSERT INTO trial(sweep_id, trial, ordinal, parameters, config, "
          "backbone, head, dropout, fits, planned, state) "
          "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'pending') "
          "ON CONFLICT(sweep_id, trial) DO UPDATE SET "
          "ordinal=excluded.ordinal, parameters=excluded.parameters, "
          "config=excluded.config, backbone=excluded.backbone, "
          "head=excluded.head, dropout=excluded.dropout, fits=excluded.fits, "
          "planned=1, state=CASE WHEN state IN ('running', 'preempted') "
          "THEN 'pending' ELSE state END"));
  for (const TrialRow& row : trials) {
    BESOM_RETURN_IF_ERROR(
        put.Run(sweep, row.trial, row.ordinal, CanonicalText(row.parameters),
                row.config, row.backbone, row.head, row.dropout, row.fits));
  }
  return transaction.Commit();
}

Result<std::vector<TrialStatus>> ResultsStore::TrialStates(SweepId sweep) {
  BESOM_ASSIGN_OR_RETURN(
      Statement rows,
      connection_->Prepare(
          "SELECT trial, state, planned, fits, error, (SELECT count(*) "
          "FROM fit f WHERE f.trial_id = t.trial_id) FROM trial t "
          "WHERE sweep_id = ? ORDER BY planned DESC, ordinal, trial"));
  BESOM_RETURN_IF_ERROR(rows.Bind(sweep));
  std::vector<TrialStatus> trials;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return trials;
    const auto state = TrialStateOf(rows.Text(1));
    if (!state) {
      return CorruptError(connection_->place(),
                          fmt::format("trial {} has the unknown state '{}'",
                                      rows.Text(0), rows.Text(1)));
    }
    trials.push_back({rows.Text(0), *state, rows.Integer(2) != 0,
                      static_cast<int>(rows.Integer(3)),
                      static_cast<int>(rows.Integer(5)), rows.Text(4)});
  }
}

Status ResultsStore::PutRun(SweepId sweep, const RunRow& run) {
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  {
    BESOM_ASSIGN_OR_RETURN(
        Statement put,
        connection_->Prepare(
            "INSERT INTO run(run, sweep_id, host, pid, job, ranks, started, "
            "ended, outcome) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT(run) DO UPDATE SET ended=excluded.ended, "
            "outcome=excluded.outcome, ranks=excluded.ranks"));
    BESOM_RETURN_IF_ERROR(put.Run(run.run, sweep, run.host, run.pid,
                                  NullIfEmpty(run.job), run.ranks, run.started,
                                  run.ended, NullIfEmpty(run.outcome)));
  }
  return transaction.Commit();
}

Result<std::vector<RunRow>> ResultsStore::OpenRuns(
    std::optional<SweepId> sweep) {
  BESOM_ASSIGN_OR_RETURN(
      Statement rows,
      connection_->Prepare("SELECT run, host, pid, job, ranks, started, "
                           "outcome FROM run WHERE ended IS NULL "
                           "AND sweep_id = coalesce(?1, sweep_id) "
                           "ORDER BY started, run"));
  BESOM_RETURN_IF_ERROR(rows.Bind(sweep));
  std::vector<RunRow> runs;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return runs;
    runs.push_back({rows.Text(0), rows.Text(1), rows.Integer(2), rows.Text(3),
                    static_cast<int>(rows.Integer(4)), rows.Real(5),
                    std::nullopt, rows.Text(6)});
  }
}

Status ResultsStore::TakeOverRun(std::string_view run, std::string_view why,
                                 double time) {
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  {
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement forget,
        connection_->Kept("DELETE FROM claim WHERE run = ?"));
    BESOM_RETURN_IF_ERROR(forget->Run(run));
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement end,
        connection_->Kept("UPDATE run SET outcome = ?2 WHERE run = ?1 "
                          "RETURNING sweep_id, host, pid, job"));
    BESOM_RETURN_IF_ERROR(end->Bind(run, kTakenOver));
    BESOM_ASSIGN_OR_RETURN(const bool known, end->Step());
    if (known) {
      const Json text = {{"run", std::string(run)},
                         {"host", end->Text(1)},
                         {"pid", end->Integer(2)},
                         {"job", end->Text(3)},
                         {"why", std::string(why)}};
      BESOM_ASSIGN_OR_RETURN(
          KeptStatement event,
          connection_->Kept("INSERT INTO event(sweep_id, time, kind, text) "
                            "VALUES(?, ?, 'run_taken_over', ?)"));
      BESOM_RETURN_IF_ERROR(
          event->Run(end->Integer(0), time, CanonicalText(text)));
    }
  }
  return transaction.Commit();
}

Status ResultsStore::PutComparisons(SweepId sweep,
                                    const std::vector<ComparisonRow>& rows) {
  BESOM_ASSIGN_OR_RETURN(Transaction transaction, BeginWriting());
  BESOM_ASSIGN_OR_RETURN(
      Statement clear,
      connection_->Prepare("DELETE FROM comparison WHERE sweep_id = ?"));
  BESOM_RETURN_IF_ERROR(clear.Run(sweep));
  BESOM_ASSIGN_OR_RETURN(
      Statement put,
      connection_->Prepare(
          "INSERT INTO comparison(sweep_id, metric, split, method, a, b, "
          "difference, low, high, p, p_adjusted) "
          "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  for (const ComparisonRow& row : rows) {
    BESOM_RETURN_IF_ERROR(put.Run(sweep, row.metric, row.split, row.method,
                                  row.a, row.b, row.difference, row.low,
                                  row.high, row.p, row.p_adjusted));
  }
  return transaction.Commit();
}

Status ResultsStore::CheckRankable(SweepId sweep) {
  BESOM_ASSIGN_OR_RETURN(
      Statement missing,
      connection_->Prepare(
          "SELECT c.label, c.split, count(*) FROM trial t "
          "JOIN criterion c ON c.sweep_id = t.sweep_id AND c.position = 0 "
          "LEFT JOIN metric m ON m.trial_id = t.trial_id "
          "AND m.repeat = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END "
          "AND m.fold = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END "
          "AND m.split = c.split AND m.class = c.class AND m.name = c.name "
          "WHERE t.sweep_id = ? AND t.planned AND t.state = 'done' "
          "AND m.value IS NULL GROUP BY c.label, c.split"));
  BESOM_RETURN_IF_ERROR(missing.Bind(sweep));
  BESOM_ASSIGN_OR_RETURN(const bool any, missing.Step());
  if (!any) return Status::Ok();
  return InvalidError(
      "metric",
      fmt::format("{} has no value on the set '{}' in {} finished trials, so "
                  "they cannot be ranked",
                  missing.Text(0), missing.Text(1), missing.Integer(2)),
      "rank by another metric, or on a set that holds images of that class");
}

}  // namespace besom::db
