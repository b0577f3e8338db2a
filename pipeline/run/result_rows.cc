#include "pipeline/run/result_rows.h"

namespace besom::run {

db::FitRow FitRowOf(const stages::Evaluation& evaluation,
                    const std::string& trial, double seconds) {
  db::FitRow row;
  row.trial = trial;
  row.repeat = evaluation.repeat;
  row.fold = evaluation.fold;
  row.classes = evaluation.classes;
  row.chosen_epoch = evaluation.chosen_epoch;
  row.seconds = seconds;
  for (const stages::SetEvaluation& set : evaluation.sets) {
    db::SetRow& out = row.sets.emplace_back();
    out.split = set.set;
    out.confusion = set.confusion;
    for (const stages::MetricValue& metric : set.metrics) {
      db::MetricRow& figure = out.metrics.emplace_back();
      figure.name = metric.name;
      figure.cls = metric.cls.value_or("");
      figure.value = metric.value;
      if (!metric.interval) continue;
      figure.low = metric.interval->low;
      figure.high = metric.interval->high;
      figure.method = metric.interval->method;
      figure.groups = metric.interval->groups;
    }
    for (const stages::CurvePoint& point : set.curves)
      out.curves.push_back({point.cls.value_or(""), point.kind, point.x,
                            point.y, point.threshold});
    for (const stages::Prediction& p : set.predictions)
      out.predictions.push_back(
          {p.source, p.path, p.actual, p.predicted, p.probabilities});
  }
  for (const auto& [split, metric] : evaluation.history)
    row.history.push_back({split, metric.epoch.value_or(0), metric.name,
                           metric.cls.value_or(""), metric.value});
  return row;
}

std::vector<db::ImageRow> ImageRowsOf(
    const stages::SplitTable& table,
    const std::vector<stages::PixelShard>& shards) {
  std::unordered_map<Digest, const stages::PixelRecord*> decoded;
  for (const stages::PixelShard& shard : shards)
    for (const stages::PixelRecord& record : shard.records())
      decoded.emplace(record.content, &record);
  std::vector<db::ImageRow> rows;
  rows.reserve(table.entries.size());
  for (const stages::SplitEntry& entry : table.entries) {
    db::ImageRow& row = rows.emplace_back();
    row.source = entry.source;
    row.path = entry.path;
    row.label = entry.label;
    row.patients = entry.patients;
    row.group = entry.group;
    row.left_out = entry.left_out;
    row.sets = entry.sets;
    if (entry.content != Digest{}) row.content = entry.content.Hex();
    if (const auto it = decoded.find(entry.content); it != decoded.end()) {
      row.width = it->second->source_width;
      row.height = it->second->source_height;
      row.mode = it->second->mode;
    }
  }
  return rows;
}

db::AuditTable AuditRowsOf(const stages::Audit& audit) {
  db::AuditTable table;
  for (const stages::AuditProbe& probe : audit.probes)
    for (const stages::AuditFigure& figure : probe.figures) {
      db::AuditRow& row = table.emplace_back();
      row.probe = probe.name;
      row.may_alarm = probe.may_alarm;
      if (figure.pair) {
        row.class_a = audit.classes[figure.pair->first];
        row.class_b = audit.classes[figure.pair->second];
      }
      row.balanced_accuracy = figure.balanced_accuracy;
      row.low = figure.interval.low;
      row.high = figure.interval.high;
      row.bound = figure.bound;
      row.method = figure.interval.method;
      row.chance = figure.chance;
      row.images = figure.images;
      row.groups = figure.interval.groups;
      row.folds = audit.folds;
    }
  return table;
}

}  // namespace besom::run
