#include "stages/model/head/trained_model.h"

#include <algorithm>
#include <utility>

namespace besom::stages {
namespace {

/// Rows whose features are held at once.
constexpr std::size_t kRowsAtATime = 64;

}  // namespace

Result<TrainedModel> TrainedModel::Make(HeadModel head, const Json& model,
                                        int size, int threads,
                                        const TrainedBaseFactory& make_base) {
  if (!IsUnfrozen(model)) return TrainedModel(std::move(head), nullptr);
  TrainedBaseSpec spec = TrainedBaseSpec::Of(model);
  spec.tensors = &head.base();
  spec.size = size;
  spec.threads = threads;
  BESOM_ASSIGN_OR_RETURN(std::unique_ptr<TrainedBase> base, make_base(spec));
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
