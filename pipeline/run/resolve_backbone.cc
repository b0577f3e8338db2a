#include "pipeline/run/resolve_backbone.h"

#include <algorithm>
#include <string>

#include "stages/model/backbone_catalog.h"
#include "stages/model/torch_script.h"
#include "stages/model/trained_base.h"

namespace besom::run {
namespace {

/// Hashes weights files through the same memory as images.
Result<Digest> DigestThrough(stages::ContentDigests& digests,
                             const Path& path) {
  BESOM_ASSIGN_OR_RETURN(const FileStat stat, StatFile(path));
  if (const auto known = digests.Find(path, stat)) return *known;
  BESOM_ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(path));
  digests.Store(path, stat, digest);
  return digest;
}

/// Notes weights that are not noted yet.
void Note(const stages::WeightsInfo& info,
          std::vector<stages::WeightsInfo>& noted) {
  const bool known = std::any_of(
      noted.begin(), noted.end(), [&](const stages::WeightsInfo& other) {
        return other.backbone == info.backbone &&
               other.weights == info.weights && other.digest == info.digest;
      });
  if (!known) noted.push_back(info);
}

/// A file of which nothing but its digest is known.
Result<ResolvedBackbone> ResolveScript(
    const Json& model, stages::ContentDigests& digests,
    std::vector<stages::WeightsInfo>& noted) {
  // Guesses, for forecasts: how many numbers it gives is seen when it has run.
  constexpr int kSize = 224, kDimension = 1000;
  BESOM_ASSIGN_OR_RETURN(
      const stages::WeightsInfo info,
      stages::ResolveTorchScript(
          stages::TorchScriptOf(model),
          [&](const Path& path) { return DigestThrough(digests, path); }));
  Note(info, noted);
  BESOM_ASSIGN_OR_RETURN(const stages::Preprocessing preprocessing,
                         stages::ResolvePreprocessing(model.at("preprocessing"),
                                                      info.preprocessing));
  ResolvedBackbone resolved;
  resolved.cut = model.at("cut");
  resolved.pooling = model.at("pooling");
  resolved.weights = info.digest;
  resolved.path = info.path.string();
  resolved.preprocessing = preprocessing.ToJson();
  resolved.input_size = kSize;
  resolved.multiply_adds =
      static_cast<double>(stages::ForeseenMultiplyAdds(kSize));
  resolved.dimension = kDimension;
  return resolved;
}

}  // namespace

Result<ResolvedBackbone> ResolveBackbone(
    const Json& model, stages::ContentDigests& digests,
    std::vector<stages::WeightsInfo>& noted) {
  if (!stages::TorchScriptOf(model).empty())
    return ResolveScript(model, digests, noted);
  const std::string name = model.at("backbone");
  const std::string cut = model.at("cut");
  BESOM_ASSIGN_OR_RETURN(const stages::Backbone backbone,
                         stages::DescribeBackbone(name));
  BESOM_ASSIGN_OR_RETURN(
      const stages::WeightsInfo info,
      stages::ResolveWeights(name, model.at("weights"), [&](const Path& path) {
        return DigestThrough(digests, path);
      }));
  Note(info, noted);
  BESOM_ASSIGN_OR_RETURN(const stages::Preprocessing preprocessing,
                         stages::ResolvePreprocessing(model.at("preprocessing"),
                                                      info.preprocessing));
  const std::string pooling = model.at("pooling");
  BESOM_ASSIGN_OR_RETURN(const stages::FeatureTap tap, stages::TapOf(model));
  BESOM_ASSIGN_OR_RETURN(const int edge,
                         stages::TapLayer(backbone, tap.cut, tap.pooling));
  BESOM_ASSIGN_OR_RETURN(const int last,
                         stages::TapLayer(backbone, cut, pooling));
  BESOM_ASSIGN_OR_RETURN(
      const std::int64_t frozen,
      stages::MultiplyAdds(backbone, edge, backbone.input_size));
  BESOM_ASSIGN_OR_RETURN(
      const std::int64_t all,
      stages::MultiplyAdds(backbone, last, backbone.input_size));
  ResolvedBackbone resolved;
  resolved.cut = tap.cut;
  resolved.pooling = tap.pooling;
  resolved.weights = info.digest;
  resolved.path = info.path.string();
  resolved.preprocessing = preprocessing.ToJson();
  resolved.input_size = backbone.input_size;
  resolved.multiply_adds = static_cast<double>(frozen);
  resolved.trained_multiply_adds = static_cast<double>(all - frozen);
  BESOM_ASSIGN_OR_RETURN(
      resolved.dimension,
      stages::FeatureDimension(backbone, cut, pooling, backbone.input_size));
  return resolved;
}

}  // namespace besom::run
