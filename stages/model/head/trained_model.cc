#include "stages/model/head/trained_model.h"

#include <algorithm>
#include <string>
#include <utility>

namespace besom::stages {
namespace {

/// Rows whose features are held at once.
constexpr std::size_t kRowsAtATime = 64;

std::string UnfrozenFrom(const Json& model) {
  return model.value("unfreeze", "none");
}

}  // namespace

Result<FeatureTap> TapOf(const Json& model) {
  const FeatureTap tap{model.at("cut").get<std::string>(),
                       model.at("pooling").get<std::string>()};
  const std::string unfreeze = UnfrozenFrom(model);
  if (unfreeze == "none") return tap;
  BESOM_ASSIGN_OR_RETURN(
      const Backbone backbone,
      DescribeBackbone(model.at("backbone").get<std::string>()));
  return EdgeOf(backbone, unfreeze, tap.cut);
}

Result<TrainedModel> TrainedModel::Make(HeadModel head, const Json& model,
                                        int size, int threads,
                                        const TrainedBaseFactory& make_base) {
  const std::string unfreeze = UnfrozenFrom(model);
  if (unfreeze == "none") return TrainedModel(std::move(head), nullptr);
  BESOM_ASSIGN_OR_RETURN(
      std::unique_ptr<TrainedBase> base,
      make_base({.backbone = model.at("backbone").get<std::string>(),
                 .tensors = &head.base(),
                 .unfreeze = unfreeze,
                 .tap = {model.at("cut").get<std::string>(),
                         model.at("pooling").get<std::string>()},
                 .size = size,
                 .threads = threads}));
  if (base->dimension() != head.dimension())
    return CorruptError("weights", "the head does not fit the base");
  return TrainedModel(std::move(head), std::move(base));
}

Result<std::vector<HeadOutput>> TrainedModel::Evaluate(
    std::span<const float* const> rows) const {
  if (!base_) return head_.Evaluate(rows);
  const auto width = static_cast<std::size_t>(base_->dimension());
  std::vector<HeadOutput> outputs;
  for (std::size_t first = 0; first < rows.size(); first += kRowsAtATime) {
    const auto part =
        rows.subspan(first, std::min(kRowsAtATime, rows.size() - first));
    std::vector<float> features(part.size() * width);
    BESOM_RETURN_IF_ERROR(base_->Evaluate(part, features));
    std::vector<const float*> pointers;
    for (std::size_t i = 0; i < part.size(); ++i)
      pointers.push_back(features.data() + i * width);
    for (HeadOutput& output : head_.Evaluate(pointers))
      outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace besom::stages
