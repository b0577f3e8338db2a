#include <fmt/format.h>

#include <array>
#include <optional>

#include "db/batch_writer.h"
#include "pipeline/base/json.h"

namespace besom::db {
namespace {

/// Figures of the largest probability, and of a threshold.
constexpr std::array kMetricTables = {"metric", "rule_metric"};

std::string InsertInto(const char* table) {
  return fmt::format(
      "INSERT INTO {}(trial_id, repeat, fold, split, class, name, value, low, "
      "high, method, n_groups, sd) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      table);
}

Status PutMetric(KeptStatement& insert, std::int64_t trial, int repeat,
                 int fold, const std::string& split, const MetricRow& row) {
  return insert->Run(trial, repeat, fold, split, row.cls, row.name, row.value,
                     row.low, row.high, row.method, row.groups, row.sd);
}

/// The plain mean in the order of the fits; none where one has no value.
MetricRow MeanOf(const FiguresOfFits& figures) {
  MetricRow row{figures.name, figures.cls, std::nullopt};
  double sum = 0;
  for (const FiguresOfFits::Fit& fit : figures.fits) {
    if (!fit.value) return row;
    sum += *fit.value;
  }
  // A set that only some fits hold has no mean over the fits.
  if (figures.all) row.value = sum / static_cast<double>(figures.fits.size());
  return row;
}

}  // namespace

struct BatchWriter::FitStatements {
  KeptStatement fit, metric, decided, threshold, epoch, confusion, image,
      prediction, curve;
};

Result<BatchWriter::FitStatements> BatchWriter::PrepareFits() {
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement fit,
      connection_.Kept(
          "INSERT INTO fit(trial_id, repeat, fold, classes, chosen_epoch, "
          "seconds, head_digest, head_size) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  BESOM_ASSIGN_OR_RETURN(KeptStatement metric,
                         connection_.Kept(InsertInto("metric")));
  BESOM_ASSIGN_OR_RETURN(KeptStatement decided,
                         connection_.Kept(InsertInto("rule_metric")));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement threshold,
      connection_.Kept("INSERT INTO threshold(trial_id, repeat, fold, class, "
                       "target, value, positive_groups, reliable) "
                       "VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement epoch,
      connection_.Kept(
          "INSERT INTO epoch_metric(trial_id, repeat, fold, split, class, "
          "name, epoch, value) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement confusion,
      connection_.Kept(
          "INSERT INTO confusion(trial_id, repeat, fold, split, actual, "
          "predicted, count) VALUES(?, ?, ?, ?, ?, ?, ?)"));
  // An image that is not listed yet gets a bare row to point at.
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement image,
      connection_.Kept("INSERT INTO image(sweep_id, source, path, listed) "
                       "VALUES(?, ?, ?, 0) ON CONFLICT(sweep_id, source, path) "
                       "DO UPDATE SET listed = listed RETURNING image_id"));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement prediction,
      connection_.Kept(
          "INSERT INTO prediction(trial_id, repeat, fold, split, image_id, "
          "actual, predicted, probabilities) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement curve,
      connection_.Kept(
          "INSERT INTO curve(trial_id, repeat, fold, split, class, kind, "
          "point, x, y, threshold) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  return FitStatements{
      std::move(fit),       std::move(metric),     std::move(decided),
      std::move(threshold), std::move(epoch),      std::move(confusion),
      std::move(image),     std::move(prediction), std::move(curve)};
}

Status BatchWriter::PutFits(const std::vector<FitRow>& fits) {
  if (fits.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(FitStatements statements, PrepareFits());
  for (const FitRow& row : fits) BESOM_RETURN_IF_ERROR(PutFit(row, statements));
  return Status::Ok();
}

Status BatchWriter::PutLaterSets(const std::vector<FitRow>& fits) {
  if (fits.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(FitStatements statements, PrepareFits());
  BESOM_ASSIGN_OR_RETURN(KeptStatement there,
                         connection_.Kept("SELECT 1 FROM fit WHERE trial_id = "
                                          "? AND repeat = ? AND fold = ?"));
  for (const FitRow& fit : fits) {
    BESOM_ASSIGN_OR_RETURN(const TrialId trial, FindTrial(fit.trial));
    BESOM_RETURN_IF_ERROR(there->Bind(trial.id, fit.repeat, fit.fold));
    BESOM_ASSIGN_OR_RETURN(const bool found, there->Step());
    if (!found)
      return InternalError(
          "trial " + fit.trial,
          fmt::format("has no fit {}/{} to add sets to", fit.repeat, fit.fold));
    if (trial.fits > 1) touched_.insert(trial.id);
    for (const SetRow& set : fit.sets) {
      BESOM_RETURN_IF_ERROR(ClearSet(trial.id, fit, set.split));
      BESOM_RETURN_IF_ERROR(PutSet(fit, set, trial.id, statements));
    }
  }
  return Status::Ok();
}

Status BatchWriter::PutFit(const FitRow& fit, FitStatements& statements) {
  BESOM_ASSIGN_OR_RETURN(const TrialId trial, FindTrial(fit.trial));
  if (trial.fits > 1) touched_.insert(trial.id);
  BESOM_RETURN_IF_ERROR(ClearFit(trial.id, fit.repeat, fit.fold));
  BESOM_RETURN_IF_ERROR(statements.fit->Run(
      trial.id, fit.repeat, fit.fold, CanonicalText(fit.classes),
      fit.chosen_epoch, fit.seconds, fit.head_digest,
      static_cast<std::int64_t>(fit.head_size)));
  for (const EpochMetricRow& row : fit.history) {
    BESOM_RETURN_IF_ERROR(statements.epoch->Run(trial.id, fit.repeat, fit.fold,
                                                row.split, row.cls, row.name,
                                                row.epoch, row.value));
  }
  if (const auto& row = fit.threshold) {
    BESOM_RETURN_IF_ERROR(statements.threshold->Run(
        trial.id, fit.repeat, fit.fold, row->cls, row->target, row->value,
        row->positive_groups, row->reliable));
  }
  for (const SetRow& set : fit.sets) {
    BESOM_RETURN_IF_ERROR(PutSet(fit, set, trial.id, statements));
  }
  return Status::Ok();
}

Status BatchWriter::PutSet(const FitRow& fit, const SetRow& set,
                           std::int64_t trial, FitStatements& statements) {
  const auto& classes = fit.classes;
  for (const MetricRow& row : set.metrics) {
    BESOM_RETURN_IF_ERROR(PutMetric(statements.metric, trial, fit.repeat,
                                    fit.fold, set.split, row));
  }
  for (const MetricRow& row : set.decided) {
    BESOM_RETURN_IF_ERROR(PutMetric(statements.decided, trial, fit.repeat,
                                    fit.fold, set.split, row));
  }
  for (std::size_t point = 0; point < set.curves.size(); ++point) {
    const CurveRow& row = set.curves[point];
    BESOM_RETURN_IF_ERROR(statements.curve->Run(
        trial, fit.repeat, fit.fold, set.split, row.cls, row.kind,
        static_cast<std::int64_t>(point), row.x, row.y, row.threshold));
  }
  BESOM_CHECK(set.confusion.empty() || set.confusion.size() == classes.size(),
              set.split);
  for (std::size_t actual = 0; actual < set.confusion.size(); ++actual) {
    BESOM_CHECK(set.confusion[actual].size() == classes.size(), set.split);
    for (std::size_t predicted = 0; predicted < classes.size(); ++predicted) {
      BESOM_RETURN_IF_ERROR(statements.confusion->Run(
          trial, fit.repeat, fit.fold, set.split, classes[actual],
          classes[predicted], set.confusion[actual][predicted]));
    }
  }
  const auto class_of = [&](int index) -> const std::string& {
    BESOM_CHECK(index >= 0 && static_cast<std::size_t>(index) < classes.size(),
                fmt::format("class {} in {}", index, set.split));
    return classes[static_cast<std::size_t>(index)];
  };
  for (const PredictionRow& row : set.predictions) {
    BESOM_RETURN_IF_ERROR(statements.image->Bind(sweep_, row.source, row.path));
    BESOM_ASSIGN_OR_RETURN(const bool returned, statements.image->Step());
    BESOM_CHECK(returned, row.path);
    BESOM_RETURN_IF_ERROR(statements.prediction->Run(
        trial, fit.repeat, fit.fold, set.split, statements.image->Integer(0),
        class_of(row.actual), class_of(row.predicted),
        CanonicalText(row.probabilities)));
  }
  return Status::Ok();
}

Status BatchWriter::ClearSet(std::int64_t trial, const FitRow& fit,
                             const std::string& set) {
  for (const char* table :
       {"metric", "rule_metric", "confusion", "prediction", "curve"}) {
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement clear,
        connection_.Kept(fmt::format("DELETE FROM {} WHERE trial_id = ? AND "
                                     "repeat = ? AND fold = ? AND split = ?",
                                     table)));
    BESOM_RETURN_IF_ERROR(clear->Run(trial, fit.repeat, fit.fold, set));
  }
  return Status::Ok();
}

Status BatchWriter::ClearFit(std::int64_t trial, int repeat, int fold) {
  constexpr std::array kTables = {"fit",          "metric",    "rule_metric",
                                  "epoch_metric", "confusion", "prediction",
                                  "curve",        "threshold"};
  for (const char* table : kTables) {
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement clear,
        connection_.Kept(fmt::format("DELETE FROM {} WHERE trial_id = ? "
                                     "AND repeat = ? AND fold = ?",
                                     table)));
    BESOM_RETURN_IF_ERROR(clear->Run(trial, repeat, fold));
  }
  return Status::Ok();
}

Status BatchWriter::PutAggregates(std::int64_t trial) {
  for (const char* table : {"metric", "rule_metric", "threshold"}) {
    BESOM_ASSIGN_OR_RETURN(
        KeptStatement clear,
        connection_.Kept(fmt::format(
            "DELETE FROM {} WHERE trial_id = ? AND repeat = ?", table)));
    BESOM_RETURN_IF_ERROR(clear->Run(trial, kAllFits));
  }
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement all,
      connection_.Kept("SELECT fits, (SELECT count(*) FROM fit f WHERE "
                       "f.trial_id = t.trial_id), config FROM trial t "
                       "WHERE trial_id = ?"));
  BESOM_RETURN_IF_ERROR(all->Bind(trial));
  BESOM_ASSIGN_OR_RETURN(const bool found, all->Step());
  BESOM_CHECK(found, "the trial was found before");
  const std::int64_t fits = all->Integer(0);
  if (all->Integer(1) != fits) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const Json config,
                         ParseJson(all->Text(2), "configuration of a trial"));
  for (const char* table : kMetricTables) {
    BESOM_ASSIGN_OR_RETURN(std::vector<FiguresOfFits> figures,
                           ReadFigures(trial, table));
    BESOM_ASSIGN_OR_RETURN(KeptStatement insert,
                           connection_.Kept(InsertInto(table)));
    for (FiguresOfFits& of_fits : figures) {
      of_fits.all = static_cast<std::int64_t>(of_fits.fits.size()) == fits;
      const MetricRow row = summarizer_.figure
                                ? summarizer_.figure(of_fits, config)
                                : MeanOf(of_fits);
      BESOM_RETURN_IF_ERROR(
          PutMetric(insert, trial, kAllFits, kAllFits, of_fits.split, row));
    }
  }
  return PutPooledThreshold(trial);
}

Result<std::vector<FiguresOfFits>> BatchWriter::ReadFigures(std::int64_t trial,
                                                            const char* table) {
  const auto images_of = [](const char* split) {
    return fmt::format(
        "(SELECT n.value FROM metric n WHERE n.trial_id = m.trial_id AND "
        "n.repeat = m.repeat AND n.fold = m.fold AND n.split = {} AND n.class "
        "= 'macro avg' AND n.name = 'support')",
        split);
  };
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement rows,
      connection_.Kept(fmt::format(
          "SELECT split, class, name, value, low, high, {}, {} FROM {} m "
          "WHERE trial_id = ? ORDER BY split, class, name, repeat, fold",
          images_of("m.split"), images_of("'train'"), table)));
  BESOM_RETURN_IF_ERROR(rows->Bind(trial));
  const auto real = [&](int column) {
    return rows->IsNull(column) ? std::optional<double>()
                                : std::optional(rows->Real(column));
  };
  std::vector<FiguresOfFits> figures;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return figures;
    std::string split = rows->Text(0), cls = rows->Text(1),
                name = rows->Text(2);
    if (figures.empty() || figures.back().split != split ||
        figures.back().cls != cls || figures.back().name != name)
      figures.push_back({std::move(split), std::move(cls), std::move(name)});
    figures.back().fits.push_back(
        {real(3), real(4), real(5), real(6).value_or(0), real(7).value_or(0)});
  }
}

}  // namespace besom::db
