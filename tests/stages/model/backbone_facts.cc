// What the catalog says of all backbones, for comparisons with other software.
//
// usage: backbone_facts
//
// Prints a JSON object: of each name its input size, preprocessing, parameters
// {name: shape}, multiply-adds at that size and blocks.
#include <fmt/format.h>

#include "pipeline/base/json.h"
#include "stages/model/backbone_catalog.h"

namespace besom::stages {
namespace {

Json FactsOf(const Backbone& backbone) {
  const int last = static_cast<int>(backbone.layers.size()) - 1;
  Json parameters = Json::object();
  for (const Parameter& parameter : ParametersOf(backbone, last))
    parameters[parameter.name] = parameter.shape;
  Json blocks = Json::array();
  for (const Block& block : backbone.blocks) blocks.push_back(block.name);
  return {{"input_size", backbone.input_size},
          {"preprocessing", backbone.preprocessing.ToJson()},
          {"parameters", parameters},
          {"multiply_adds",
           MultiplyAdds(backbone, last, backbone.input_size).value()},
          {"blocks", blocks}};
}

}  // namespace
}  // namespace besom::stages

int main() {
  besom::Json facts = besom::Json::object();
  for (const std::string& name : besom::stages::BackboneNames())
    facts[name] =
        besom::stages::FactsOf(besom::stages::DescribeBackbone(name).value());
  fmt::print("{}\n", facts.dump());
}
