#include "pipeline/run/result_rows.h"

#include "stages/metric/decision.h"

namespace besom::run {
namespace {

db::MetricRow MetricRowOf(const stages::MetricValue& metric) {
  db::MetricRow row{metric.name, metric.cls.value_or(""), metric.value};
  if (!metric.interval) return row;
  row.low = metric.interval->low;
  row.high = metric.interval->high;
  row.method = metric.interval->method;
  row.groups = metric.interval->groups;
  return row;
}

db::ThresholdRow ThresholdRowOf(const stages::FitThreshold& threshold) {
  return {threshold.cls, threshold.target, threshold.value,
          threshold.positive_groups,
          threshold.positive_groups >= stages::kReliableGroups};
}

}  // namespace

db::ActionRow ActionRowOf(const TaskNode& node, const TaskReport& report,
                          int rank, double finished) {
  db::ActionRow action;
  action.key = node.key.Hex();
  action.stage = node.stage;
  action.space = node.space;
  action.params = CanonicalText(node.params);
  action.label = node.label;
  action.seconds = report.seconds;
  if (!report.counters.is_null()) action.counters = report.counters;
  action.host = report.host;
  action.rank = rank;
  action.finished = finished;
  for (const auto& [port, ref] : report.outputs)
    action.blobs.push_back({port, ref.digest.Hex(), ref.size});
  return action;
}

db::FitRow FitRowOf(const stages::Evaluation& evaluation,
                    const std::string& trial, double seconds) {
  db::FitRow row;
  row.trial = trial;
  row.repeat = evaluation.repeat;
  row.fold = evaluation.fold;
  row.classes = evaluation.classes;
  row.chosen_epoch = evaluation.chosen_epoch;
  if (evaluation.threshold)
    row.threshold = ThresholdRowOf(*evaluation.threshold);
  row.seconds = seconds;
  for (const stages::SetEvaluation& set : evaluation.sets) {
    db::SetRow& out = row.sets.emplace_back();
    out.split = set.set;
    out.confusion = set.confusion;
    for (const stages::MetricValue& metric : set.metrics)
      out.metrics.push_back(MetricRowOf(metric));
    for (const stages::MetricValue& metric : set.decided)
      out.decided.push_back(MetricRowOf(metric));
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
    const std::vector<stages::PixelRecord>& records) {
  std::unordered_map<Digest, const stages::PixelRecord*> decoded;
  for (const stages::PixelRecord& record : records)
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
    row.duplicate_of = entry.duplicate_of;
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

std::vector<db::ComparisonRow> ComparisonRowsOf(
    const std::vector<TrialComparison>& lines) {
  std::vector<db::ComparisonRow> rows;
  for (const TrialComparison& line : lines) {
    if (!line.why_not.empty()) continue;
    rows.push_back({line.test.metric, line.split, line.test.method, line.a,
                    line.b, line.test.difference, line.test.low, line.test.high,
                    line.test.p, line.p_adjusted});
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
