// Maps of all blocks of a backbone, for comparisons with other software.
//
// usage: block_maps ENGINE BACKBONE WEIGHTS IN OUT
//
// ENGINE is openvino or libtorch. IN is a .safetensors file of inputs (F32: N,
// side, side, 3; as the network reads them) by any names. OUT gets NAME/BLOCK
// (F32: N, channels, rows, columns) for each of them and each block.
#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/feature_engine.h"
#include "stages/model/safetensors.h"

namespace besom::stages {
namespace {

/// Rows of `count` images, one after the other.
Result<std::vector<float>> Extract(FeatureEngine& engine, std::size_t count,
                                   const std::vector<float>& images) {
  const auto batch = static_cast<std::size_t>(engine.batch());
  const auto width = static_cast<std::size_t>(engine.dimension());
  const std::size_t numbers = engine.image_numbers();
  std::vector<float> input(batch * numbers, 0.0F), rows(count * width);
  for (std::size_t first = 0; first < count; first += batch) {
    const std::size_t some = std::min(batch, count - first);
    std::copy_n(images.data() + first * numbers, some * numbers, input.data());
    BESOM_RETURN_IF_ERROR(
        engine.Extract(static_cast<int>(some), input,
                       std::span(rows).subspan(first * width, some * width)));
  }
  return rows;
}

/// Owns what FloatTensors borrow.
struct Maps {
  std::list<std::vector<float>> numbers;
  std::vector<FloatTensor> tensors;
};

Status AddMaps(EngineSpec spec, const Backbone& backbone,
               const TensorEntry& entry, const std::vector<float>& images,
               Maps& maps) {
  spec.size = static_cast<int>(entry.shape[1]);
  BESOM_ASSIGN_OR_RETURN(const auto engine, MakeFeatureEngine(spec));
  const auto count = static_cast<std::size_t>(entry.shape[0]);
  BESOM_ASSIGN_OR_RETURN(const auto rows, Extract(*engine, count, images));
  BESOM_ASSIGN_OR_RETURN(const auto shapes, LayerShapes(backbone, spec.size));
  const auto width = static_cast<std::size_t>(engine->dimension());
  std::size_t offset = 0;
  for (const Block& block : backbone.blocks) {
    const MapShape& map = shapes[static_cast<std::size_t>(block.cut_layer)];
    const std::size_t own =
        static_cast<std::size_t>(map.channels) * map.height * map.width;
    std::vector<float>& numbers = maps.numbers.emplace_back();
    for (std::size_t i = 0; i < count; ++i)
      numbers.insert(numbers.end(), rows.data() + i * width + offset,
                     rows.data() + i * width + offset + own);
    maps.tensors.push_back(
        {entry.name + "/" + block.name,
         {entry.shape[0], map.channels, map.height, map.width},
         numbers});
    offset += own;
  }
  return Status::Ok();
}

Status Run(const std::vector<std::string>& args) {
  BESOM_ASSIGN_OR_RETURN(const Backbone backbone, DescribeBackbone(args[1]));
  EngineSpec spec{.backbone = args[1],
                  .weights = args[2],
                  .taps = {},
                  .engine = args[0],
                  .threads = 2};
  for (const Block& block : backbone.blocks)
    spec.taps.push_back({block.name, "flatten"});
  BESOM_ASSIGN_OR_RETURN(const auto file, Safetensors::OpenFile(args[3]));
  Maps maps;
  for (const TensorEntry& entry : file.tensors()) {
    if (entry.shape.size() != 4)
      return InvalidError(entry.name, "is no batch of images");
    BESOM_ASSIGN_OR_RETURN(const auto images,
                           file.Floats(entry.name, entry.shape));
    BESOM_RETURN_IF_ERROR(AddMaps(spec, backbone, entry, images, maps));
  }
  return WriteFileAtomic(args[4], PackSafetensors(maps.tensors, {}));
}

}  // namespace
}  // namespace besom::stages

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 5) {
    fmt::print(stderr, "usage: block_maps ENGINE BACKBONE WEIGHTS IN OUT\n");
    return 2;
  }
  const besom::Status status = besom::stages::Run(args);
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return besom::ExitCodeOf(status);
}
