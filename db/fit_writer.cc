#include <fmt/format.h>

#include <array>
#include <optional>

#include "db/batch_writer.h"
#include "pipeline/base/json.h"

namespace besom::db {
namespace {

/// repeat and fold of the rows that stand for all fits of a trial.
constexpr int kAllFits = -1;

constexpr char kInsertMetric[] =
    "INSERT INTO metric(trial_id, repeat, fold, split, class, name, value, "
    "low, high, method, n_groups) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// A mean over fits of one metric, summed in the order of (repeat, fold).
struct Mean {
  std::string split, cls, name;
  double sum = 0;
  int count = 0;
  bool has_null = false;

  std::optional<double> value() const {
    if (has_null) return std::nullopt;
    return sum / count;
  }
};

}  // namespace

struct BatchWriter::FitStatements {
  KeptStatement fit, metric, epoch, confusion, image, prediction, curve;
};

Status BatchWriter::PutFits(const std::vector<FitRow>& fits) {
  if (fits.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement fit,
      connection_.Kept(
          "INSERT INTO fit(trial_id, repeat, fold, classes, chosen_epoch, "
          "seconds, head_digest, head_size) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  BESOM_ASSIGN_OR_RETURN(KeptStatement metric, connection_.Kept(kInsertMetric));
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
  FitStatements statements{std::move(fit),   std::move(metric),
                           std::move(epoch), std::move(confusion),
                           std::move(image), std::move(prediction),
                           std::move(curve)};
  touched_.clear();
  for (const FitRow& row : fits) {
    BESOM_RETURN_IF_ERROR(PutFit(row, statements));
  }
  for (const std::int64_t trial : touched_) {
    BESOM_RETURN_IF_ERROR(PutAggregates(trial));
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
  for (const SetRow& set : fit.sets) {
    BESOM_RETURN_IF_ERROR(PutSet(fit, set, trial.id, statements));
  }
  return Status::Ok();
}

Status BatchWriter::PutSet(const FitRow& fit, const SetRow& set,
                           std::int64_t trial, FitStatements& statements) {
  const auto& classes = fit.classes;
  for (const MetricRow& row : set.metrics) {
    BESOM_RETURN_IF_ERROR(statements.metric->Run(
        trial, fit.repeat, fit.fold, set.split, row.cls, row.name, row.value,
        row.low, row.high, row.method, row.groups));
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

Status BatchWriter::ClearFit(std::int64_t trial, int repeat, int fold) {
  constexpr std::array kTables = {"fit",       "metric",     "epoch_metric",
                                  "confusion", "prediction", "curve"};
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
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement clear,
      connection_.Kept("DELETE FROM metric WHERE trial_id = ? AND repeat = ?"));
  BESOM_RETURN_IF_ERROR(clear->Run(trial, kAllFits));
  BESOM_ASSIGN_OR_RETURN(
      KeptStatement all,
      connection_.Kept("SELECT fits, (SELECT count(*) FROM fit f WHERE "
                       "f.trial_id = t.trial_id) FROM trial t "
                       "WHERE trial_id = ?"));
  BESOM_RETURN_IF_ERROR(all->Bind(trial));
  BESOM_ASSIGN_OR_RETURN(const bool found, all->Step());
  BESOM_CHECK(found, "the trial was found before");
  const auto fits = all->Integer(0);
  if (all->Integer(1) != fits) return Status::Ok();

  BESOM_ASSIGN_OR_RETURN(
      KeptStatement values,
      connection_.Kept("SELECT split, class, name, value FROM metric "
                       "WHERE trial_id = ? "
                       "ORDER BY split, class, name, repeat, fold"));
  BESOM_RETURN_IF_ERROR(values->Bind(trial));
  std::vector<Mean> means;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const bool row, values->Step());
    if (!row) break;
    std::string split = values->Text(0), cls = values->Text(1),
                name = values->Text(2);
    if (means.empty() || means.back().split != split ||
        means.back().cls != cls || means.back().name != name) {
      means.push_back({std::move(split), std::move(cls), std::move(name)});
    }
    Mean& mean = means.back();
    mean.has_null |= values->IsNull(3);
    mean.sum += values->Real(3);
    ++mean.count;
  }
  BESOM_ASSIGN_OR_RETURN(KeptStatement insert, connection_.Kept(kInsertMetric));
  for (Mean& mean : means) {
    // A set that only some fits hold has no mean over the fits.
    mean.has_null |= mean.count != fits;
    BESOM_RETURN_IF_ERROR(insert->Run(trial, kAllFits, kAllFits, mean.split,
                                      mean.cls, mean.name, mean.value(),
                                      nullptr, nullptr, nullptr, nullptr));
  }
  return Status::Ok();
}

}  // namespace besom::db
