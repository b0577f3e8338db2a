#include "stages/model/feature_work.h"

#include <fmt/format.h>

#include <algorithm>

#include "stages/data/view_rows.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/torch_script.h"
#include "stages/model/weights_store.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "features";

/// What the weights want, when the parameters leave it to them.
Result<Preprocessing> PreprocessingOfWeights(const EngineSpec& engine) {
  if (engine.backbone == kTorchScript) return Preprocessing::Torchvision();
  BESOM_ASSIGN_OR_RETURN(const Backbone backbone,
                         DescribeBackbone(engine.backbone));
  if (engine.weights.empty()) return backbone.preprocessing;
  BESOM_ASSIGN_OR_RETURN(const Safetensors file,
                         Safetensors::OpenFile(engine.weights));
  return PreprocessingOf(file, backbone.preprocessing);
}

/// Parses what may throw when a key is missing or of another type.
Result<FeaturesRequest> ParseKeys(const Json& params, const Json& hints) {
  FeaturesRequest request;
  EngineSpec& engine = request.engine;
  engine.backbone = params.at("backbone").get<std::string>();
  engine.taps = {{params.at("cut").get<std::string>(),
                  params.at("pooling").get<std::string>()}};
  engine.precision = params.at("precision").get<std::string>();
  engine.size = params.at("size").get<int>();
  engine.threads = hints.value("threads", 1);
  engine.device = hints.value("device", "cpu");
  request.weights = params.at("weights").get<std::string>();
  if (request.weights != "random")
    engine.weights = hints.at("weights_path").get<std::string>();
  request.numerics = params.at("numerics").get<std::string>();
  engine.engine = EngineOf(request.numerics);
  request.views = params.at("views").get<std::vector<int>>();
  request.seed = params.at("seed").get<std::uint64_t>();
  for (const Json& hex : params.at("contents")) {
    BESOM_ASSIGN_OR_RETURN(const Digest content,
                           Digest::FromHex(hex.get<std::string>()));
    request.contents.push_back(content);
  }
  return request;
}

/// Draws the view row by row into the input.
void FillView(const ViewRows& view, int size, int channels,
              const InputFiller& filler, std::span<float> input) {
  const InputFiller levelled =
      view.changes_levels() ? filler.After(view.levels()) : filler;
  const std::size_t numbers = static_cast<std::size_t>(size) * 3;
  std::vector<std::uint8_t> space(static_cast<std::size_t>(size) * channels);
  for (int row = 0; row < size; ++row)
    levelled.Fill(
        view.Row(row, space), channels,
        input.subspan(static_cast<std::size_t>(row) * numbers, numbers));
}

}  // namespace

Result<FeaturesRequest> FeaturesRequest::Parse(const Json& params,
                                               const Json& hints) {
  Result<FeaturesRequest> parsed = InternalError(kPlace, "not parsed");
  try {
    parsed = ParseKeys(params, hints);
  } catch (const Json::exception& error) {
    return InvalidError(kPlace, error.what());
  }
  if (!parsed.ok()) return parsed.status();
  FeaturesRequest request = *std::move(parsed);
  if (request.engine.size < 1 || request.engine.threads < 1)
    return InvalidError(kPlace, "size and threads must be 1 or more");
  request.augment.views = 0;
  if (const Json* augment = FindPath(params, "augment");
      augment != nullptr && !augment->is_null()) {
    BESOM_ASSIGN_OR_RETURN(request.augment,
                           AugmentSettings::FromJson(*augment));
  }
  const Json* preprocessing = FindPath(params, "preprocessing");
  BESOM_ASSIGN_OR_RETURN(const Preprocessing of_weights,
                         PreprocessingOfWeights(request.engine));
  BESOM_ASSIGN_OR_RETURN(
      request.preprocessing,
      ResolvePreprocessing(
          preprocessing == nullptr ? Json("weights") : *preprocessing,
          of_weights));
  return request;
}

bool FeaturesRequest::HasAugmentedViews() const {
  return std::any_of(views.begin(), views.end(),
                     [](int view) { return view > 0; });
}

Result<PixelSource> PixelSource::Over(const std::vector<Artifact>& shards,
                                      int size) {
  PixelSource source;
  for (const Artifact& artifact : shards) {
    BESOM_ASSIGN_OR_RETURN(PixelShard shard, PixelShard::Open(artifact));
    if (shard.size() != size)
      return CorruptError(
          kPlace,
          fmt::format("pixels are {} wide instead of {}", shard.size(), size));
    source.shards_.push_back(std::move(shard));
  }
  return source;
}

std::optional<PixelSource::Place> PixelSource::Find(
    const Digest& content) const {
  for (std::size_t shard = 0; shard < shards_.size(); ++shard)
    if (const auto record = shards_[shard].Find(content))
      return Place{shard, *record};
  return std::nullopt;
}

const PixelRecord& PixelSource::record(Place place) const {
  return shards_[place.shard].records()[place.record];
}

std::span<const std::uint8_t> PixelSource::pixels(Place place) const {
  return shards_[place.shard].pixels(place.record);
}

Result<std::vector<RowWork>> ListRows(const FeaturesRequest& request,
                                      const PixelSource& pixels,
                                      const std::set<Digest>* trained) {
  std::vector<RowWork> rows;
  for (const int view : request.views) {
    const std::string view_key = ViewKey(request.augment, view, request.seed);
    for (const Digest& content : request.contents) {
      if (view > 0 && !trained->contains(content)) continue;
      const auto place = pixels.Find(content);
      if (!place)
        return CorruptError(kPlace,
                            fmt::format("no pixels of {}", content.Hex()));
      if (!pixels.record(*place).error.empty()) continue;
      RowWork row{.key = {content, view_key}, .place = *place};
      row.plain = view == 0;
      if (!row.plain)
        row.view = DrawView(request.augment, content, view, request.seed);
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

void FillBatch(const FeaturesRequest& request, const PixelSource& pixels,
               const InputFiller& filler, std::span<const RowWork* const> rows,
               std::span<float> input) {
  const int size = request.engine.size;
  const std::size_t numbers = static_cast<std::size_t>(size) * size * 3;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RowWork& row = *rows[i];
    const int channels = pixels.record(row.place).channels;
    const std::span<float> out = input.subspan(i * numbers, numbers);
    if (row.plain)
      filler.Fill(pixels.pixels(row.place), channels, out);
    else
      FillView({pixels.pixels(row.place), size, channels, row.view,
                request.augment.fill},
               size, channels, filler, out);
  }
}

}  // namespace besom::stages
