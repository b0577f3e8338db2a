#include "stages/model/backbone_table.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "stages/model/backbone_catalog.h"

namespace besom::stages {
namespace {

std::string TextOf(const MapShape& map) {
  return fmt::format("{} x {} x {}", map.channels, map.height, map.width);
}

std::int64_t NumbersOf(const Parameter& parameter) {
  std::int64_t numbers = 1;
  for (const std::int64_t side : parameter.shape) numbers *= side;
  return numbers;
}

std::string CostRow(const Backbone& backbone,
                    const std::vector<MapShape>& shapes) {
  const int last = static_cast<int>(backbone.layers.size()) - 1;
  std::int64_t numbers = 0;
  for (const Parameter& parameter : ParametersOf(backbone, last))
    if (parameter.name.find(".running_") == std::string::npos)
      numbers += NumbersOf(parameter);
  const std::int64_t multiply_adds =
      MultiplyAdds(backbone, last, backbone.input_size).value();
  return fmt::format("| `{}` | {} | {} | {:.2f} | {:.2f} | {} |\n",
                     backbone.name, backbone.input_size, TextOf(shapes.back()),
                     static_cast<double>(multiply_adds) / 1e9,
                     static_cast<double>(numbers) / 1e6,
                     backbone.parameter_names);
}

std::string BlockRow(const Backbone& backbone,
                     const std::vector<MapShape>& shapes) {
  std::string row = fmt::format("| `{}` |", backbone.name);
  const char* separator = " ";
  for (const Block& block : backbone.blocks) {
    row +=
        fmt::format("{}`{}` {}", separator, block.name,
                    TextOf(shapes[static_cast<std::size_t>(block.cut_layer)]));
    separator = " · ";
  }
  return row + " |\n";
}

}  // namespace

std::string BackboneTables() {
  std::string costs =
      "| backbone | image side, pixels | last map: channels x rows x columns | "
      "multiply-adds of an image, 10^9 | parameters, 10^6 | their names |\n"
      "|---|---|---|---|---|---|\n";
  std::string blocks = "| backbone | blocks, with their maps |\n|---|---|\n";
  for (const std::string& name : BackboneNames()) {
    const Backbone backbone = DescribeBackbone(name).value();
    const auto shapes = LayerShapes(backbone, backbone.input_size).value();
    costs += CostRow(backbone, shapes);
    blocks += BlockRow(backbone, shapes);
  }
  return costs + "\n" + blocks;
}

}  // namespace besom::stages
