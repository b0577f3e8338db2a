#include "stages/metric/evaluation.h"

namespace besom::stages {
namespace {

// Metrics are rows [name, class | null, value | null, epoch | null] and
// predictions rows [source, path, actual, predicted, [probabilities]]: there
// are many, and the names of their parts would be most of the bytes.
// Doubles are written by the shortest digits that read back equal.

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json MetricToJson(const MetricValue& metric) {
  return Json::array({metric.name, OrNull(metric.cls), OrNull(metric.value),
                      OrNull(metric.epoch)});
}

MetricValue MetricFromJson(const Json& json) {
  MetricValue metric;
  metric.name = json.at(0).get<std::string>();
  if (!json.at(1).is_null()) metric.cls = json.at(1).get<std::string>();
  if (!json.at(2).is_null()) metric.value = json.at(2).get<double>();
  if (!json.at(3).is_null()) metric.epoch = json.at(3).get<int>();
  return metric;
}

Json SetToJson(const SetEvaluation& set) {
  Json metrics = Json::array(), predictions = Json::array();
  for (const MetricValue& metric : set.metrics)
    metrics.push_back(MetricToJson(metric));
  for (const Prediction& p : set.predictions)
    predictions.push_back(Json::array(
        {p.source, p.path, p.actual, p.predicted, p.probabilities}));
  return {{"set", set.set},
          {"metrics", std::move(metrics)},
          {"confusion", set.confusion},
          {"predictions", std::move(predictions)}};
}

SetEvaluation SetFromJson(const Json& json) {
  SetEvaluation set;
  set.set = json.at("set").get<std::string>();
  for (const Json& metric : json.at("metrics"))
    set.metrics.push_back(MetricFromJson(metric));
  json.at("confusion").get_to(set.confusion);
  for (const Json& row : json.at("predictions"))
    set.predictions.push_back({row.at(0).get<std::string>(),
                               row.at(1).get<std::string>(),
                               row.at(2).get<int>(), row.at(3).get<int>(),
                               row.at(4).get<std::vector<double>>()});
  return set;
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
          {"chosen_epoch", chosen_epoch}};
}

Result<Evaluation> Evaluation::FromJson(const Json& json) {
  try {
    Evaluation result;
    json.at("classes").get_to(result.classes);
    json.at("repeat").get_to(result.repeat);
    json.at("fold").get_to(result.fold);
    json.at("chosen_epoch").get_to(result.chosen_epoch);
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
