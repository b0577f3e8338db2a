#include "pipeline/run/task_params.h"

#include "pipeline/base/check.h"
#include "stages/model/torch_script.h"
#include "stages/model/trained_base.h"
#include "sweeps/metric_bound.h"

namespace besom::run {

Json PixelSettings(const Json& ingest, int size) {
  return {{"size", size},
          {"resize", ingest.at("resize")},
          {"interpolation", ingest.at("interpolation")},
          {"bit_depth_range", ingest.at("bit_depth_range")}};
}

int SizeOf(const Json& ingest, const ResolvedBackbone& backbone) {
  const Json& size = ingest.at("image_size");
  return size.is_number() ? size.get<int>() : backbone.input_size;
}

Result<int> ImageSizeOf(const Json& config) {
  const Json& size = config.at("ingest").at("image_size");
  if (size.is_number()) return size.get<int>();
  BESOM_ASSIGN_OR_RETURN(
      const stages::Backbone backbone,
      stages::DescribeBackbone(stages::BackboneOf(config.at("model"))));
  return backbone.input_size;
}

double AreaOf(const Json& ingest, const ResolvedBackbone& backbone) {
  const double side = SizeOf(ingest, backbone);
  return side * side / backbone.input_size / backbone.input_size;
}

std::string TrialIdOf(const Json& identity, const std::string& weights,
                      const std::string& split_key) {
  return DigestOfJson({identity, weights, split_key}).Hex().substr(0, 16);
}

int ShardsOf(const Json& config) {
  const auto resources = config.find("resources");
  return resources == config.end() ? 1 : resources->value("ranks_per_trial", 1);
}

Json TrainParams(const Json& config) {
  Json train = config.at("train");
  if (!stages::IsUnfrozen(config.at("model")))
    for (const char* key :
         {"base_learning_rate", "freeze_epochs", "batch_norm"})
      train.erase(key);
  return train;
}

Json EvaluateParams(const Json& config) {
  Json evaluate = config.at("evaluate");
  evaluate.erase("external");
  evaluate.erase("audit");  // Looks at the data only.
  const std::string text = evaluate.at("threshold").at("target");
  evaluate["threshold"] = nullptr;
  if (text.empty()) return evaluate;
  const auto bound = sweeps::ParseThresholdTarget(
      text, config.at("ingest").at("classes").get<std::vector<std::string>>());
  BESOM_CHECK(bound.ok(), bound.status().ToString());
  evaluate["threshold"] = {{"text", text},
                           {"metric", bound->metric.name},
                           {"class", *bound->metric.cls},
                           {"least", bound->limit}};
  return evaluate;
}

}  // namespace besom::run
