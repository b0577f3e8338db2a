#include "stages/metric/evaluation.h"

namespace besom::stages {
namespace {

// Metrics are rows [name, class | null, value | null, epoch | null] and, where
// there is an interval, [... low | null, high | null, method, groups];
// predictions are rows [source, path, actual, predicted, [probabilities]], and
// curves [class | null, kind, x, y, threshold | null]: there are many, and the
// names of their parts would be most of the bytes.
// Doubles are written by the shortest digits that read back equal.

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <typename T>
std::optional<T> OptionalFrom(const Json& json) {
  return json.is_null() ? std::optional<T>() : std::optional(json.get<T>());
}

Json MetricToJson(const MetricValue& metric) {
  Json row = Json::array({metric.name, OrNull(metric.cls), OrNull(metric.value),
                          OrNull(metric.epoch)});
  if (!metric.interval) return row;
  row.push_back(OrNull(metric.interval->low));
  row.push_back(OrNull(metric.interval->high));
  row.push_back(metric.interval->method);
  row.push_back(metric.interval->groups);
  return row;
}

MetricValue MetricFromJson(const Json& json) {
  MetricValue metric;
  metric.name = json.at(0).get<std::string>();
  metric.cls = OptionalFrom<std::string>(json.at(1));
  metric.value = OptionalFrom<double>(json.at(2));
  metric.epoch = OptionalFrom<int>(json.at(3));
  if (json.size() == 4) return metric;
  metric.interval = Interval{
      OptionalFrom<double>(json.at(4)), OptionalFrom<double>(json.at(5)),
      json.at(6).get<std::string>(), json.at(7).get<std::int64_t>()};
  return metric;
}

Json SetToJson(const SetEvaluation& set) {
  Json metrics = Json::array(), decided = Json::array(),
       predictions = Json::array(), curves = Json::array();
  for (const MetricValue& metric : set.metrics)
    metrics.push_back(MetricToJson(metric));
  for (const MetricValue& metric : set.decided)
    decided.push_back(MetricToJson(metric));
  for (const Prediction& p : set.predictions)
    predictions.push_back(Json::array(
        {p.source, p.path, p.actual, p.predicted, p.probabilities}));
  for (const CurvePoint& point : set.curves)
    curves.push_back(Json::array({OrNull(point.cls), point.kind, point.x,
                                  point.y, OrNull(point.threshold)}));
  return {{"set", set.set},
          {"metrics", std::move(metrics)},
          {"decided", std::move(decided)},
          {"confusion", set.confusion},
          {"predictions", std::move(predictions)},
          {"curves", std::move(curves)}};
}

SetEvaluation SetFromJson(const Json& json) {
  SetEvaluation set;
  set.set = json.at("set").get<std::string>();
  for (const Json& metric : json.at("metrics"))
    set.metrics.push_back(MetricFromJson(metric));
  for (const Json& metric : json.at("decided"))
    set.decided.push_back(MetricFromJson(metric));
  json.at("confusion").get_to(set.confusion);
  for (const Json& row : json.at("predictions"))
    set.predictions.push_back({row.at(0).get<std::string>(),
                               row.at(1).get<std::string>(),
                               row.at(2).get<int>(), row.at(3).get<int>(),
                               row.at(4).get<std::vector<double>>()});
  for (const Json& row : json.at("curves"))
    set.curves.push_back({OptionalFrom<std::string>(row.at(0)),
                          row.at(1).get<std::string>(), row.at(2).get<double>(),
                          row.at(3).get<double>(),
                          OptionalFrom<double>(row.at(4))});
  return set;
}

Json ThresholdToJson(const std::optional<FitThreshold>& threshold) {
  if (!threshold) return nullptr;
  return {{"class", threshold->cls},
          {"target", threshold->target},
          {"value", OrNull(threshold->value)},
          {"positive_groups", threshold->positive_groups}};
}

std::optional<FitThreshold> ThresholdFromJson(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return FitThreshold{json.at("class").get<std::string>(),
                      json.at("target").get<std::string>(),
                      OptionalFrom<double>(json.at("value")),
                      json.at("positive_groups").get<int>()};
}

}  // namespace

Json Evaluation::ToJson() const {
  Json set_list = Json::array(), history_list = Json::array();
  for (const SetEvaluation& set : sets) set_list.push_back(SetToJson(set));
  for (const auto& [set, metric] : history)
    history_list.push_back(Json::array({set, MetricToJson(metric)}));
  return {{"classes", classes},
          {"repeat", repeat},
          {"fold", fold},
          {"sets", std::move(set_list)},
          {"history", std::move(history_list)},
          {"threshold", ThresholdToJson(threshold)},
          {"chosen_epoch", chosen_epoch}};
}

Result<Evaluation> Evaluation::FromJson(const Json& json) {
  try {
    Evaluation result;
    json.at("classes").get_to(result.classes);
    json.at("repeat").get_to(result.repeat);
    json.at("fold").get_to(result.fold);
    json.at("chosen_epoch").get_to(result.chosen_epoch);
    result.threshold = ThresholdFromJson(json.at("threshold"));
    for (const Json& set : json.at("sets"))
      result.sets.push_back(SetFromJson(set));
    for (const Json& row : json.at("history"))
      result.history.emplace_back(row.at(0).get<std::string>(),
                                  MetricFromJson(row.at(1)));
    return result;
  } catch (const Json::exception& error) {
    return CorruptError("evaluation", error.what());
  }
}

}  // namespace besom::stages
