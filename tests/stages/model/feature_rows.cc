// Feature rows of given images, for comparisons with other software.
//
// usage: feature_rows ENGINE BACKBONE WEIGHTS CUT POOLING THREADS IN OUT
//
// ENGINE is openvino or libtorch. BACKBONE may be `torchscript`: WEIGHTS is
// then the file. IN is a .safetensors file with `input` (F32: N, side, side, 3;
// as the network reads it) or `pixels` (U8: N, side, side, 1 or 3; preprocessed
// as the weights want). OUT gets `rows` (F32: N, dimension).
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "stages/model/feature_engine.h"
#include "stages/model/safetensors.h"
#include "stages/model/torch_script.h"
#include "stages/model/weights_store.h"

namespace besom::stages {
namespace {

struct Images {
  std::size_t count = 0;
  int side = 0;
  std::vector<float> input;
};

Result<Images> ReadImages(const Path& path,
                          const Preprocessing& preprocessing) {
  BESOM_ASSIGN_OR_RETURN(const auto file, Safetensors::OpenFile(path));
  const bool ready = file.Find("input") != nullptr;
  const TensorEntry* entry = file.Find(ready ? "input" : "pixels");
  if (entry == nullptr || entry->shape.size() != 4)
    return InvalidError(path.string(), "holds no input and no pixels");
  Images images{.count = static_cast<std::size_t>(entry->shape[0]),
                .side = static_cast<int>(entry->shape[1])};
  if (ready) {
    BESOM_ASSIGN_OR_RETURN(images.input, file.Floats("input", entry->shape));
    return images;
  }
  const int channels = static_cast<int>(entry->shape[3]);
  const auto* pixels =
      reinterpret_cast<const std::uint8_t*>(entry->bytes.data());
  images.input.resize(entry->bytes.size() / channels * 3);
  InputFiller(preprocessing)
      .Fill({pixels, entry->bytes.size()}, channels, images.input);
  return images;
}

Status ExtractAll(FeatureEngine& engine, const Images& images,
                  std::vector<float>& rows) {
  const auto batch = static_cast<std::size_t>(engine.batch());
  const auto width = static_cast<std::size_t>(engine.dimension());
  std::vector<float> input(batch * engine.image_numbers(), 0.0F);
  rows.resize(images.count * width);
  for (std::size_t first = 0; first < images.count; first += batch) {
    const std::size_t count = std::min(batch, images.count - first);
    std::copy_n(images.input.begin() + first * engine.image_numbers(),
                count * engine.image_numbers(), input.begin());
    BESOM_RETURN_IF_ERROR(
        engine.Extract(static_cast<int>(count), input,
                       std::span(rows).subspan(first * width, count * width)));
  }
  return Status::Ok();
}

Status Run(const std::vector<std::string>& args) {
  BESOM_ASSIGN_OR_RETURN(const WeightsInfo weights,
                         args[1] == kTorchScript
                             ? ResolveTorchScript(args[2])
                             : ResolveWeights(args[1], args[2]));
  BESOM_ASSIGN_OR_RETURN(const Images images,
                         ReadImages(args[6], weights.preprocessing));
  const EngineSpec spec{.backbone = args[1],
                        .weights = weights.path,
                        .taps = {{args[3], args[4]}},
                        .engine = args[0],
                        .size = images.side,
                        .threads = std::stoi(args[5])};
  BESOM_ASSIGN_OR_RETURN(const auto engine, MakeFeatureEngine(spec));
  std::vector<float> rows;
  BESOM_RETURN_IF_ERROR(ExtractAll(*engine, images, rows));
  return WriteFileAtomic(
      args[7],
      PackSafetensors(
          {{"rows",
            {static_cast<std::int64_t>(images.count), engine->dimension()},
            rows}},
          {}));
}

}  // namespace
}  // namespace besom::stages

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 8) {
    fmt::print(stderr,
               "usage: feature_rows ENGINE BACKBONE WEIGHTS CUT POOLING "
               "THREADS IN OUT\n");
    return 2;
  }
  const besom::Status status = besom::stages::Run(args);
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return besom::ExitCodeOf(status);
}
