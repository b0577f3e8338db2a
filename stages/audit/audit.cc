#include "stages/audit/audit.h"

namespace besom::stages {
namespace {

template <typename T>
Json Nullable(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

std::optional<double> NumberAt(const Json& json, const char* key) {
  const Json& value = json.at(key);
  if (value.is_null()) return std::nullopt;
  return value.get<double>();
}

Json FigureToJson(const AuditFigure& figure) {
  return {{"pair", figure.pair
                       ? Json::array({figure.pair->first, figure.pair->second})
                       : Json()},
          {"chance", figure.chance},
          {"balanced_accuracy", figure.balanced_accuracy},
          {"low", Nullable(figure.interval.low)},
          {"high", Nullable(figure.interval.high)},
          {"method", figure.interval.method},
          {"groups", figure.interval.groups},
          {"bound", Nullable(figure.bound)},
          {"images", figure.images}};
}

AuditFigure FigureFromJson(const Json& json) {
  AuditFigure figure;
  if (const Json& pair = json.at("pair"); !pair.is_null())
    figure.pair = {pair.at(0).get<int>(), pair.at(1).get<int>()};
  json.at("chance").get_to(figure.chance);
  json.at("balanced_accuracy").get_to(figure.balanced_accuracy);
  figure.interval = {NumberAt(json, "low"), NumberAt(json, "high"),
                     json.at("method").get<std::string>(),
                     json.at("groups").get<std::int64_t>()};
  figure.bound = NumberAt(json, "bound");
  json.at("images").get_to(figure.images);
  return figure;
}

Json ProbeToJson(const AuditProbe& probe) {
  Json figures = Json::array();
  for (const AuditFigure& figure : probe.figures)
    figures.push_back(FigureToJson(figure));
  return {{"name", probe.name},
          {"may_alarm", probe.may_alarm},
          {"varies", probe.varies},
          {"figures", std::move(figures)},
          {"probabilities", probe.probabilities}};
}

AuditProbe ProbeFromJson(const Json& json) {
  AuditProbe probe;
  json.at("name").get_to(probe.name);
  json.at("may_alarm").get_to(probe.may_alarm);
  json.at("varies").get_to(probe.varies);
  json.at("probabilities").get_to(probe.probabilities);
  for (const Json& figure : json.at("figures"))
    probe.figures.push_back(FigureFromJson(figure));
  return probe;
}

}  // namespace

Json Audit::ToJson() const {
  Json listed = Json::array(), probed = Json::array();
  for (const AuditedImage& image : images)
    listed.push_back(
        {image.source, image.path, image.actual, image.group, image.fold});
  for (const AuditProbe& probe : probes) probed.push_back(ProbeToJson(probe));
  return {{"classes", classes},
          {"folds", folds},
          {"images", std::move(listed)},
          {"probes", std::move(probed)}};
}

Result<Audit> Audit::FromJson(const Json& json) {
  Audit audit;
  try {
    json.at("classes").get_to(audit.classes);
    json.at("folds").get_to(audit.folds);
    for (const Json& image : json.at("images"))
      audit.images.push_back({image.at(0).get<std::string>(),
                              image.at(1).get<std::string>(),
                              image.at(2).get<int>(), image.at(3).get<int>(),
                              image.at(4).get<int>()});
    for (const Json& probe : json.at("probes"))
      audit.probes.push_back(ProbeFromJson(probe));
  } catch (const Json::exception& error) {
    return CorruptError("audit", error.what());
  }
  return audit;
}

}  // namespace besom::stages
